package readmodels_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// The trail has the outcome of each action; it is unknown if the process ended.
func TestActionsOfOperatorsHaveTheirOutcome(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	records := &commands.Audit{Log: p, Now: p.tick, Logger: slog.New(slog.DiscardHandler)}
	caller := commands.Caller{UserID: stan, Role: "operator", RequestID: "r1"}
	act := func(action domain.OperatorAction, on domain.OperatorTarget, effect commands.Effect, err error) {
		acted := domain.OperatorActed{Action: action, Target: on, Reason: domain.Reason{Code: domain.ReasonTest, Ticket: "T-1"}}
		require.ErrorIs(t, records.Act(t.Context(), caller, acted, func(context.Context) (commands.Effect, error) { return effect, err }), err)
	}
	const projection, rebuild = "post_insights", "0191c2f0-0000-7000-8000-000000000001"
	act(domain.ActionRebuildRequested, domain.OperatorTarget{Projection: projection}, commands.Effect{Rebuild: rebuild}, nil)
	act(domain.ActionGenerationSwitchedBack, domain.OperatorTarget{Projection: projection, Generation: 2}, commands.Effect{},
		domain.NewError(domain.CodeConflict, "readers use it"))
	act(domain.ActionParkedRetried, domain.OperatorTarget{Projection: "directory", Position: &domain.Position{Topic: "directory"}}, commands.Effect{Count: 3, Left: 1}, nil)
	act(domain.ActionPlatformPaused, domain.OperatorTarget{Platform: domain.LinkedIn}, commands.Effect{}, errors.New("connection reset"))
	cut := domain.OperatorActed{
		Action: domain.ActionConnectionRead, Target: domain.OperatorTarget{Connection: 7}, Reason: domain.Reason{Code: domain.ReasonTest},
	}
	require.NoError(t, p.Append(t.Context(), commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, cut, p.tick())), "killed in between")

	var all []operator.Action
	for cursor := ""; ; {
		page, next, err := readmodels.OperatorActions(t.Context(), p.DB.ReadOnly, readmodels.Page{Limit: 2, Cursor: cursor})
		require.NoError(t, err)
		all = append(all, page...)
		if cursor = next; next == "" {
			break
		}
	}
	type outcome struct {
		action  domain.OperatorAction
		outcome domain.OperatorOutcome
		code    domain.Code
		why     string
		rebuild string
		count   int
		left    int
	}
	var got []outcome
	for _, a := range all {
		got = append(got, outcome{a.Action, a.Outcome, a.Code, a.Why, a.Rebuild, a.Count, a.Left})
		require.Equal(t, a.Outcome == operator.OutcomeUnknown, a.FinishedAt == nil)
	}
	require.Equal(t, []outcome{
		{action: domain.ActionConnectionRead, outcome: operator.OutcomeUnknown},
		{action: domain.ActionPlatformPaused, outcome: domain.OutcomeFailed, code: domain.CodeInternal},
		{action: domain.ActionParkedRetried, outcome: domain.OutcomeDone, count: 3, left: 1},
		{action: domain.ActionGenerationSwitchedBack, outcome: domain.OutcomeRefused, code: domain.CodeConflict, why: "readers use it"},
		{action: domain.ActionRebuildRequested, outcome: domain.OutcomeDone, rebuild: rebuild},
	}, got)
	require.Equal(t, []string{stan, "operator", "r1", "test:T-1"}, []string{all[4].Actor, all[4].Role, all[4].RequestID, all[4].Reason.String()})
	require.Equal(t, domain.OperatorTarget{Projection: projection}, all[4].Target)
	_, _, err := readmodels.OperatorActions(t.Context(), p.DB.ReadOnly, readmodels.Page{Cursor: "x"})
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}
