package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// A topic was created again, and its partitions stop with "another log: rebuild". The rebuild's tables cannot be compared
// with the live ones: an operator decides, and there is no way back to tables of the log that is gone.
func TestRebuildOnAnotherLogIsDecidedByAnOperator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	p := bulkTally{}
	b.run(b.engine(p))
	b.recreate(domain.TopicMetrics)
	b.appendReadings(500, 520)
	e := b.engine(p, b.verifyingReally(p))
	b.start(e)
	b.awaitStatus(e, func(s projections.Status) bool { return len(e.NotFollowed()) == len(s.Partitions) })
	request := b.request("tally")
	blocked := b.awaitRebuild(request.ID, func(r projections.Rebuild) bool { return r.State == operator.RebuildBlocked })
	require.Contains(t, blocked.Error, "live is of another log")
	require.Contains(t, string(blocked.Report), `"equal": false`)
	require.Contains(t, string(blocked.Report), "the topic was created again")
	require.Equal(t, 1, b.pointedAt("tally"))
	var report string
	require.NoError(t, b.db.Pool.QueryRow(b.ctx(), "select report ->> 'id' from rebuilds where id = $1", request.ID).Scan(&report))
	require.NoError(t, b.rebuilds().Accept(b.ctx(), request.ID, report))
	b.ends(request.ID, operator.RebuildDone)
	require.Equal(t, 2, b.pointedAt("tally"))
	require.Equal(t, 20, b.count("select count(*) from lb_tally_g2.tally"))
	_, err := b.switchBack(asked("tally"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
}

// As far, where nothing verifies: the switch does not wait for positions of another log.
func TestSwitchOnAnotherLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	b.run(b.engine(bulkTally{}))
	b.recreate(domain.TopicMetrics)
	b.appendReadings(500, 520)
	b.start(b.engine(bulkTally{}))
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 2, b.pointedAt("tally"))
}
