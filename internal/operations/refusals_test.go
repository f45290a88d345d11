package operations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operations"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Canceling a build that has ended is refused before it is recorded, so it needs no log.
func TestAnEndedBuildIsNotCanceled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), `
		insert into generations (projection, generation, version, topic, state) values ('contents', 3, 2, 'contents', 'live')`)
	require.NoError(t, err)
	d := operations.Service{Views: operations.NewViews(db.Pool, nil, nil)}
	err = d.CancelBuild(t.Context(), commands.Caller{}, "contents.g3", domain.Reason{Code: domain.ReasonCodes()[0]})
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, "Generation 3 of contents is not being built any more (live). Nothing was canceled.")
}

// Retrying names the first event that is not parked, and retries none of the others.
func TestOnlyParkedEventsAreRetried(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), `
		insert into generations (projection, generation, version, topic, topic_id, state, targets) values ('contents', 1, 6, '', gen_random_uuid(), 'live', '{}');
		insert into parked values ('contents', 1, 1, 45, 'a', 't', 'e', null, 'undecodable', 'd', 'skipped'),
			('contents', 1, 1, 46, 'a', 't', 'e', null, 'undecodable', 'd', 'parked'), ('contents', 1, 1, 47, 'a', 't', 'e', null, 'behind', 'd', 'parked')`)
	require.NoError(t, err)
	d := operations.Service{Views: operations.NewViews(db.Pool, nil, nil)}
	_, err = d.RetryParked(t.Context(), commands.Caller{}, []string{"contents-1-46", "contents-1-48"}, domain.Reason{Code: domain.ReasonCodes()[0]})
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	require.ErrorContains(t, err, "contents-1-48")
	listed, err := d.Parked(t.Context(), operator.ParkedFilter{})
	require.NoError(t, err)
	for n, waiting := range []int64{0, 1, 0} {
		require.Equal(t, waiting, listed[n].Behind, "nothing waits for what was skipped")
	}
}

// A rebuild is refused while another one of the same projection and version is in progress, and
// only then.
func TestASecondRebuildIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		one     operator.Generation
		refused bool
	}{
		"in progress":        {operator.Generation{Projection: "contents", Version: 2, State: projections.StateBuilding}, true},
		"waiting":            {operator.Generation{Projection: "contents", Version: 2, State: projections.StateCatchingUp}, true},
		"ended":              {operator.Generation{Projection: "contents", Version: 2, State: projections.StateLive}, false},
		"another version":    {operator.Generation{Projection: "contents", Version: 1, State: projections.StateBuilding}, false},
		"another projection": {operator.Generation{Projection: "directory", Version: 2, State: projections.StateBuilding}, false},
	} {
		err := operations.RefuseConcurrentBuild([]operator.Generation{c.one}, "contents", 2)
		if !c.refused {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), name)
		require.ErrorContains(t, err, "Generation 0 of contents has been under construction since", name)
	}
}

// A parked event blocks others only in the stream of an agency's dashboards.
func TestBlockingEvents(t *testing.T) {
	t.Parallel()
	const agency = "5f1d7f3b8c9d440001a1b2c3"
	require.True(t, operations.BlocksStream(operator.ParkedEvent{Topic: domain.TopicDashboards, Stream: agency}))
	require.False(t, operations.BlocksStream(operator.ParkedEvent{Topic: domain.TopicMetrics, Stream: agency}))
	require.False(t, operations.BlocksStream(operator.ParkedEvent{Topic: domain.TopicDashboards, Stream: "x"}))
}
