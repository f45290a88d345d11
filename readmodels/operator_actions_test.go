package readmodels_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// The trail has the outcome of each action; it is unknown if the process ended.
func TestOperatorActionsListOutcome(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	records := &commands.Audit{Log: p, Now: p.tick, Logger: slog.New(slog.DiscardHandler)}
	caller := commands.Caller{UserID: stan, Role: "operator", RequestID: "r1"}
	act := func(action domain.OperatorAction, on domain.OperatorTarget, effect commands.Effect, err error) {
		acted := domain.OperatorActed{Action: action, Target: on, Reason: domain.Reason{Code: domain.ReasonTest, Ticket: "T-1"}}
		require.ErrorIs(t, records.Act(t.Context(), caller, acted, func(context.Context) (commands.Effect, error) { return effect, err }), err)
	}
	const projection, rebuild = "post_insights", "post_insights.g3"
	act(domain.ActionRebuildRequested, domain.OperatorTarget{Projection: projection}, commands.Effect{Rebuild: rebuild}, nil)
	act(domain.ActionRebuildCanceled, domain.OperatorTarget{Projection: projection, Rebuild: rebuild, Generation: 3}, commands.Effect{},
		domain.NewError(domain.CodeConflict, "readers use it"))
	act(domain.ActionStreamRetried, domain.OperatorTarget{Projection: "dashboards", Position: &domain.Position{Topic: "dashboards"}}, commands.Effect{Stopped: true}, nil)
	act(domain.ActionPlatformPaused, domain.OperatorTarget{Platform: domain.LinkedIn}, commands.Effect{}, errors.New("connection reset"))
	cut := domain.OperatorActed{
		Action: domain.ActionConnectionRead, Target: domain.OperatorTarget{Connection: 7}, Reason: domain.Reason{Code: domain.ReasonTest},
	}
	require.NoError(t, p.Append(t.Context(), commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, cut, p.tick())), "killed in between")
	order := domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonCustomerRequest, Ticket: "GDPR-1"}}
	repeated := domain.ErasureOrder{Reason: domain.Reason{Code: domain.ReasonDataRepair}}
	imported := domain.DataImported{Files: []domain.ImportedFile{{Name: "users.jsonl"}}, ImportCounts: domain.ImportCounts{Entities: 2}}
	for _, data := range []domain.Data{domain.PersonErased{User: nina, Order: order}, imported} {
		draft := commands.NewDraft(domain.TopicOperations, agencyA, data, p.tick())
		draft.Envelope.Audit.Actor = "system:x"
		require.NoError(t, p.Append(t.Context(), draft))
		require.NoError(t, p.Append(t.Context(), commands.DoneDraft(draft, p.tick())))
	}
	require.NoError(t, p.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agencyA, domain.PersonErased{Members: []int64{7}, Order: repeated}, p.tick())))

	var all []operator.RecordedAction
	for cursor := ""; ; {
		page, meta, err := readmodels.OperatorActions(t.Context(), p.DB.ReadOnly, readmodels.Page{Limit: 2, Cursor: cursor})
		require.NoError(t, err)
		all = append(all, page...)
		require.Empty(t, meta.Incomplete)
		if cursor = meta.NextCursor; cursor == "" {
			break
		}
	}
	require.Len(t, all, 8)
	require.Equal(t, []any{domain.ActionPersonErased, operator.OutcomeUnknown, domain.OperatorTarget{Member: 7}, repeated.Reason},
		[]any{all[0].Action, all[0].Outcome, all[0].Target, all[0].Reason})
	require.Nil(t, all[0].Erasure)
	for _, a := range all[1:3] {
		require.Equal(t, []any{domain.OutcomeDone, "system:x"}, []any{a.Outcome, a.Actor})
		if a.Action == domain.ActionDataImported {
			require.Equal(t, []any{&imported, domain.Reason{}}, []any{a.Import, a.Reason})
			continue
		}
		require.Equal(t, []any{domain.ActionPersonErased, domain.OperatorTarget{User: nina}, order.Reason, &order}, []any{a.Action, a.Target, a.Reason, a.Erasure})
	}
	all = all[3:]
	var got []operator.RecordedAction
	for _, a := range all {
		got = append(got, operator.RecordedAction{
			Action: a.Action, Outcome: a.Outcome, Code: a.Code, Rebuild: a.Rebuild, Stopped: a.Stopped,
		})
		require.Equal(t, a.Outcome == operator.OutcomeUnknown, a.FinishedAt == nil)
	}
	require.Equal(t, []operator.RecordedAction{
		{Action: domain.ActionConnectionRead, Outcome: operator.OutcomeUnknown},
		{Action: domain.ActionPlatformPaused, Outcome: domain.OutcomeFailed, Code: domain.CodeInternal},
		{Action: domain.ActionStreamRetried, Outcome: domain.OutcomeDone, Stopped: true},
		{Action: domain.ActionRebuildCanceled, Outcome: domain.OutcomeRefused, Code: domain.CodeConflict, Rebuild: rebuild},
		{Action: domain.ActionRebuildRequested, Outcome: domain.OutcomeDone, Rebuild: rebuild},
	}, got)
	require.Equal(t, []string{stan, "operator", "r1", "test:T-1"}, []string{all[4].Actor, all[4].Role, string(all[4].RequestID), all[4].Reason.String()})
	require.Equal(t, domain.OperatorTarget{Projection: projection}, all[4].Target)
	pause(t, p.Log, domain.PauseProjection, "operations")
	ledgertest.Exec(t, p.DB.Pool, `insert into dead_letters select 'operations', 1, 0, n, 'all', case n when 1 then 'operations.checkpoint_signed.v1'
		else 'operations.operator_finished.v1' end, '', null, 'undecodable', '{}' from generate_series(1, 3) n`)
	_, meta, err := readmodels.OperatorActions(t.Context(), p.DB.ReadOnly, readmodels.Page{})
	require.NoError(t, err)
	require.Equal(t, "An operator has paused the list, so the newest actions may be missing. "+
		"2 records of the list cannot be read; they are in the log but not shown here", meta.Incomplete)
	_, _, err = readmodels.OperatorActions(t.Context(), p.DB.ReadOnly, readmodels.Page{Cursor: "x"})
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}
