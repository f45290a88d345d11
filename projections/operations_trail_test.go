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

// What an operator does stands in the trail with action, target and reason, under no agency.
func TestOperatorsActionsStandInTheTrail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	act := domain.OperatorActed{
		Action: domain.ActionParkedRetried,
		Target: domain.OperatorTarget{Projection: "directory", Position: &domain.Position{Topic: domain.TopicDirectory, Partition: 2, Offset: 9}},
		Reason: domain.Reason{Code: domain.ReasonDataRepair, Ticket: "OPS-1"},
	}
	acted := draft(domain.TopicOperations, domain.OperationsKeyAll, "act", act)
	acted.Envelope.Audit = domain.Audit{Actor: "ada", Role: "operator", RequestID: "r1"}
	b.append(acted)
	b.run(b.engine(projectors.Operations{}))
	var parent, kind, actor, role, request, data string
	require.NoError(t, b.db.Pool.QueryRow(b.ctx(), `
		select parent_account, event_type, actor, role, request_id, data::text from operations_trail where actor <> 'system:log'`).Scan(&parent, &kind, &actor, &role, &request, &data))
	require.Equal(t, domain.OperationsKeyAll, parent)
	require.Equal(t, []string{"operations.operator_acted.v1", "ada", "operator", "r1"}, []string{kind, actor, role, request})
	require.JSONEq(t, `{"action":"parked.retried","target":{"projection":"directory","position":{"topic":"directory","partition":2,"offset":9}},
		"reason":{"code":"data_repair","ticket":"OPS-1"}}`, data)
}
