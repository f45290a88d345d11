package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// A generation that is wanted back as soon as it has retired, before its session has looked, catches up and is read again.
func TestBackRightAfterRetiring(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	e := b.engine(bulkTally{})
	b.start(e)
	b.caughtUp(e)
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, time.Millisecond)
	back, err := b.switchBack(asked("tally"))
	require.NoError(t, err)
	b.ends(back.ID, operator.RebuildDone)
	require.Equal(t, 1, b.liveAt("tally"))
}
