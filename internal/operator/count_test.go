package operator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

func TestParkedEventsAreCountedInWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 parked events", 1: "1 parked event", 12: "12 parked events"} {
		require.Equal(t, want, operator.ParkedEvents(n))
	}
}
