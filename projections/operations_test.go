package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// The state of a connection is that of its latest change, whatever order the changes come in; the
// trail holds every record once.
func TestOperationsAnyOrderGivesTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fold := func(t *rapid.T, events []projections.Event) []string {
		_, err := db.Pool.Exec(context.Background(), "truncate operations_trail, connection_states")
		require.NoError(t, err)
		foldBatches(t, db, projections.Operations{}, cut(t, events))
		return dump(t, db, projections.Operations{}.Tables()...)
	}
	rapid.Check(t, func(t *rapid.T) {
		var events []projections.Event
		latest := map[int64]projections.Event{}
		for i := range rapid.IntRange(1, 20).Draw(t, "events") {
			at := day0.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Hour)
			change := domain.ConnectionStateChanged{
				ConnectionID: rapid.Int64Range(1, 2).Draw(t, "connection"), Platform: domain.Facebook,
				State: fmt.Sprint("state", i), At: spelling(t, at),
			}
			ev := event(rapid.SampledFrom([]string{"a", "B", "_"}).Draw(t, "id")+fmt.Sprint(i), change)
			ev.Key, ev.Offset = agencyA, int64(i)
			events = append(events, ev)
			present, ok := latest[change.ConnectionID]
			if !ok || beats(change.At, ev.Envelope.ID, present.Data.(domain.ConnectionStateChanged).At, present.Envelope.ID) {
				latest[change.ConnectionID] = ev
			}
		}
		first := fold(t, events)
		again := append(append([]projections.Event{}, events...), events[:rapid.IntRange(0, len(events)).Draw(t, "duplicates")]...)
		shuffle := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "permutation"), 0))
		shuffle.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		require.Equal(t, first, fold(t, again))
		rows, err := db.Pool.Query(context.Background(), "select connection_id, state from connection_states")
		require.NoError(t, err)
		list, err := collect[struct {
			ID    int64
			State string
		}](rows)
		require.NoError(t, err)
		require.Len(t, list, len(latest))
		for _, r := range list {
			require.Equal(t, latest[r.ID].Data.(domain.ConnectionStateChanged).State, r.State)
		}
	})
}

// The trail says who did what, and keeps what concerns no single agency apart.
func TestOperationsTrail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := draft(domain.TopicOperations, agencyA, "mine", domain.ProjectionPaused{Projection: "x", Reason: "why"})
	mine.Envelope.Audit = domain.Audit{Actor: "ada", Role: "operator", RequestID: "r1"}
	b.append(mine, draft(domain.TopicOperations, domain.OperationsKeyAll, "all", domain.ProjectionResumed{Projection: "x"}))
	b.run(b.engine(projections.Operations{}))
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
	b.run(b.engine(projections.Operations{}))
	var parent, kind, actor, role, request, data string
	require.NoError(t, b.db.Pool.QueryRow(b.ctx(), `
		select parent_account, event_type, actor, role, request_id, data::text from operations_trail where actor <> 'system:log'`).Scan(&parent, &kind, &actor, &role, &request, &data))
	require.Equal(t, domain.OperationsKeyAll, parent)
	require.Equal(t, []string{"operations.operator_acted.v1", "ada", "operator", "r1"}, []string{kind, actor, role, request})
	require.JSONEq(t, `{"action":"parked.retried","target":{"projection":"directory","position":{"topic":"directory","partition":2,"offset":9}},
		"reason":{"code":"data_repair","ticket":"OPS-1"}}`, data)
}
