package analytics

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

// A day is the one that the clock of a zone shows, also before 1970.
func TestADayIsThatOfTheClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("drawn", rapid.IntRange(-14*3600, 14*3600).Draw(t, "offset"))
		at := time.Unix(rapid.Int64Range(-1<<33, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
		year, month, date := at.Date()
		require.Equal(t, civil(year, month, date), dayOf(at))
	})
}
