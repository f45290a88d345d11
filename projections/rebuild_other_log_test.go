package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// A topic was created again, and its partitions stop with "another log: rebuild". The switch does not wait for positions of another
// log, and there is no way back to tables of the log that is gone.
func TestSwitchOnAnotherLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	b.run(b.engine(bulkTally{}))
	b.recreate(domain.TopicMetrics)
	b.appendReadings(500, 520)
	e := b.engine(bulkTally{})
	b.start(e)
	b.awaitStatus(e, func(s projections.Status) bool { return len(e.NotFollowed()) == len(s.Partitions) })
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 2, b.liveAt("tally"))
	require.Equal(t, 20, b.count("select count(*) from lb_tally_g2.tally"))
	_, err := b.switchBack(asked("tally"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
}
