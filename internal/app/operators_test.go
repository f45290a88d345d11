package app_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Canceling a build that has ended is refused before it is recorded, so it needs no log.
func TestAnEndedBuildIsNotCanceled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ledgertest.Exec(t, db.Pool, `
		insert into generations (projection, generation, version, topic, state) values ('contents', 3, 2, 'contents', 'live')`)
	d := app.OperatorsOf(db.Pool)
	err := d.CancelBuild(t.Context(), commands.Caller{}, "contents.g3", domain.Reason{Code: domain.ReasonCodes()[0]})
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, "Generation 3 of contents is not being built any more (live). Nothing was canceled.")
}

// An event that stops no stream is neither retried nor skipped: its projection goes on without it.
func TestOnlyStoppedStreamsAreFoldedAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ledgertest.Exec(t, db.Pool, `
		insert into generations (projection, generation, version, topic, topic_id, state, targets) values ('contents', 1, 6, '', gen_random_uuid(), 'live', '{}');
		insert into dead_letters values ('contents', 1, 1, 46, 'a', 't', 'e', null, 'undecodable', '{}')`)
	engine, err := projections.New(projections.Config{
		Projector: projectors.Contents, Topics: []eventlog.TopicSpec{{Name: domain.TopicContents}}, Logger: ledgertest.Quiet,
	})
	require.NoError(t, err)
	d := app.OperatorsOf(db.Pool, engine)
	for _, act := range []func(context.Context, commands.Caller, string, domain.Reason) (operator.StreamFolded, error){d.RetryStream, d.SkipEvent} {
		_, err = act(t.Context(), commands.Caller{}, "contents-1-46", domain.Reason{Code: domain.ReasonCodes()[0]})
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
		require.ErrorContains(t, err, "stops no stream")
		_, err = act(t.Context(), commands.Caller{}, "contents-1-48", domain.Reason{Code: domain.ReasonCodes()[0]})
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	}
}

// A rebuild is refused while another one of the same projection and version is in progress, and
// only then.
func TestConcurrentRebuildOfSameVersionIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		one     operator.Generation
		refused bool
	}{
		"in progress":        {operator.Generation{Projection: "contents", Version: 2, State: operator.StateBuilding}, true},
		"waiting":            {operator.Generation{Projection: "contents", Version: 2, State: operator.StateCatchingUp}, true},
		"ended":              {operator.Generation{Projection: "contents", Version: 2, State: operator.StateLive}, false},
		"another version":    {operator.Generation{Projection: "contents", Version: 1, State: operator.StateBuilding}, false},
		"another projection": {operator.Generation{Projection: "directory", Version: 2, State: operator.StateBuilding}, false},
	} {
		err := app.RefuseConcurrentBuild([]operator.Generation{c.one}, "contents", 2)
		if !c.refused {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), name)
		require.ErrorContains(t, err, "Generation 0 of contents has been under construction since", name)
	}
}
