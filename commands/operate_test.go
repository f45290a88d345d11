package commands_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
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

// The record says who, in which role, by which request, what and why; it is of no single agency, also when
// the operator's token names one.
func TestOperatorsActionIsRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	require.NoError(t, newOperations(log).Record(t.Context(), operator, pausing))
	require.Len(t, log.drafts, 1)
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
		known := asError(t, newOperations(log).Record(t.Context(), operator, act))
		require.Equal(t, domain.CodeInvalid, known.Code)
		require.NotContains(t, known.Message, "invalid:", "a sentence for people")
	}
	require.Empty(t, log.drafts)
}

func TestWithoutARecordTheOperatorIsRefused(t *testing.T) {
	t.Parallel()
	err := newOperations(&takingLog{append: func(context.Context) error { return errors.New("no broker") }}).Record(t.Context(), operator, pausing)
	known := asError(t, err)
	require.Equal(t, domain.CodeUnavailable, known.Code)
	require.Positive(t, known.RetryAfter)
	require.Contains(t, known.Message, "nothing is done")
	require.NotContains(t, err.Error(), "broker")
}

// A log that does not answer must not hold an operator for minutes.
func TestAnOperatorWaitsForTheLogABoundedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := newOperations(&takingLog{append: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}).Record(t.Context(), operator, pausing)
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}
