package commands_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

func newOperations(log commands.Appender) *commands.Operations {
	return &commands.Operations{Log: log, Now: func() time.Time { return auditNow }, Logger: slog.New(slog.DiscardHandler)}
}

var (
	operator = commands.Caller{
		ParentAccount: "aaaaaaaaaaaaaaaaaaaaaaaa", UserID: "0e0000000000000000000000", Role: "operator", RequestID: "r-9",
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
	pausing = domain.OperatorActed{
		Action: domain.ActionPlatformPaused, Target: domain.OperatorTarget{Platform: domain.LinkedIn},
		Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"},
	}
)

// The record says who, by which request, what and why, and is of no agency.
func TestOperatorsActionIsRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	require.NoError(t, newOperations(log).Act(t.Context(), operator, pausing, func(context.Context) (commands.Effect, error) {
		require.Len(t, log.drafts, 1, "recorded before it is done")
		return commands.Effect{}, nil
	}))
	d := log.drafts[0]
	require.Equal(t, domain.TopicOperations, d.Topic)
	require.Equal(t, domain.OperationsKeyAll, d.Key)
	require.Equal(t, pausing, d.Data)
	require.Equal(t, domain.Audit{Actor: operator.UserID, Role: "operator", RequestID: "r-9"}, d.Envelope.Audit)
	require.Equal(t, operator.TraceParent, d.Envelope.TraceParent)
	require.Equal(t, auditNow.Truncate(time.Microsecond), d.Envelope.Time)
	require.Equal(t, "operations.operator_acted.v1", d.Envelope.Type)
}

func TestWhatIsNoActionIsRefusedAndNotRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	for _, change := range []func(*domain.OperatorActed){
		func(a *domain.OperatorActed) { a.Action = "platform.sold" },
		func(a *domain.OperatorActed) { a.Target = domain.OperatorTarget{} },
		func(a *domain.OperatorActed) { a.Reason.Ticket = "it was late" },
	} {
		act := pausing
		change(&act)
		known := asError(t, newOperations(log).Act(t.Context(), operator, act, nil))
		require.Equal(t, domain.CodeInvalid, known.Code)
		require.NotContains(t, known.Message, "invalid:", "a sentence for people")
	}
	require.Empty(t, log.drafts)
}

func TestWithoutARecordTheOperatorIsRefused(t *testing.T) {
	t.Parallel()
	log := &takingLog{append: func(context.Context) error { return errors.New("no broker") }}
	err := newOperations(log).Act(t.Context(), operator, pausing, nil)
	known := asError(t, err)
	require.Equal(t, domain.CodeUnavailable, known.Code)
	require.Positive(t, known.RetryAfter)
	require.Contains(t, known.Message, "nothing is done")
	require.NotContains(t, err.Error(), "broker")
}

// What came of an action is recorded behind it, by the same caller and request.
func TestWhatCameOfAnActionIsRecorded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", domain.MaxWhy+1)
	for name, c := range map[string]struct {
		effect commands.Effect
		err    error
		want   domain.OperatorFinished
	}{
		"done":        {commands.Effect{Rebuild: "r1", Count: 2, Left: 1}, nil, domain.OperatorFinished{Outcome: "done", Rebuild: "r1", Count: 2, Left: 1}},
		"refused":     {err: domain.NewError(domain.CodeConflict, "it runs"), want: domain.OperatorFinished{Outcome: "refused", Code: "conflict", Why: "it runs"}},
		"wrapped":     {err: fmt.Errorf("drop: %w", domain.NewError(domain.CodeNotFound, "none")), want: domain.OperatorFinished{Outcome: "refused", Code: "not_found", Why: "none"}},
		"long":        {err: domain.NewError(domain.CodeConflict, "%s", long), want: domain.OperatorFinished{Outcome: "refused", Code: "conflict", Why: long[:2*domain.MaxWhy]}},
		"nobody told": {err: errors.New("row of ada@example.com"), want: domain.OperatorFinished{Outcome: "failed", Code: "internal"}},
		"open":        {err: domain.NewError(domain.CodeUnavailable, "try again"), want: domain.OperatorFinished{Outcome: "failed", Code: "unavailable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &takingLog{}
			ctx, hangUp := context.WithCancel(t.Context())
			err := newOperations(log).Act(ctx, operator, pausing, func(context.Context) (commands.Effect, error) {
				hangUp() // the caller goes away, and the trail tells all the same
				return c.effect, c.err
			})
			require.ErrorIs(t, err, c.err)
			require.Len(t, log.drafts, 2)
			acted, finished := log.drafts[0], log.drafts[1]
			c.want.Of, c.want.Action = acted.Envelope.ID, pausing.Action
			require.Equal(t, c.want, finished.Data)
			require.NoError(t, c.want.Validate())
			require.Equal(t, acted.Key, finished.Key)
			require.Equal(t, acted.Envelope.Audit, finished.Envelope.Audit)
		})
	}
}

// What was done stays done where the log does not take the second record: the trail then has no outcome.
func TestAnActionIsDoneThoughItsOutcomeIsNotRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	err := newOperations(log).Act(t.Context(), operator, pausing, func(context.Context) (commands.Effect, error) {
		log.append = func(context.Context) error { return errors.New("no broker") }
		return commands.Effect{}, nil
	})
	require.NoError(t, err)
}
