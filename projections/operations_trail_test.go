package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// The trail says who did what, and keeps what concerns no single agency apart.
func TestOperationsTrail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := draft(domain.TopicOperations, agencyA, "mine", domain.ProjectionPaused{Projection: "x", Reason: "why"})
	mine.Envelope.Audit = domain.Audit{Actor: "ada", Role: "operator", RequestID: "r1"}
	b.append(mine, draft(domain.TopicOperations, domain.OperationsKeyAll, "all", domain.ProjectionResumed{Projection: "x"}))
	b.run(b.engine(projectors.Operations{}))
	rows, err := b.db.Pool.Query(b.ctx(), `
		select event_id, parent_account, event_type, actor, role, request_id, data->>'reason' from operations_trail where actor <> 'system:log' order by event_id desc`)
	require.NoError(t, err)
	type row struct{ ID, Parent, Type, Actor, Role, Request, Reason string }
	list, err := collect[row](rows)
	require.NoError(t, err)
	require.Equal(t, []row{
		{"mine", agencyA, "operations.projection_paused.v1", "ada", "operator", "r1", "why"},
		{"all", domain.OperationsKeyAll, "operations.projection_resumed.v1", "", "", "", ""},
	}, list)
}
