package commands_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// takingLog accepts drafts, or does what the test scripts.
type takingLog struct {
	drafts []domain.Draft
	append func(context.Context) error
}

func (t *takingLog) Append(ctx context.Context, d domain.Draft) error {
	t.drafts = append(t.drafts, d)
	if t.append != nil {
		return t.append(ctx)
	}
	return nil
}

var auditNow = time.Date(2026, 3, 1, 9, 0, 0, 1234, time.UTC)

func newAudit(log commands.Appender) *commands.Audit {
	return &commands.Audit{Log: log, Now: func() time.Time { return auditNow }, Logger: slog.New(slog.DiscardHandler)}
}

var reader = commands.Caller{
	ParentAccount: "aaaaaaaaaaaaaaaaaaaaaaaa", UserID: "5a0000000000000000000000", Role: "auditor", RequestID: "r-1",
	TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}

// The record holds the actor, role, request and subject, under the agency's key. An action of an
// operator belongs to no agency, and is recorded before it is done.
func TestAuditRecordHasActorAndSubject(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	audit := newAudit(log)
	read := domain.AuditRead{What: domain.AuditState, Dashboard: "c10000000000000000000000", AsOf: 7}
	exported := domain.AuditExported{Format: "csv", AsOf: 8}
	require.NoError(t, audit.RecordRead(t.Context(), reader, read))
	require.NoError(t, audit.RecordExport(t.Context(), reader, exported))
	require.NoError(t, audit.Act(t.Context(), operator, pausing, func(context.Context) (commands.Effect, error) {
		require.Len(t, log.drafts, 3, "recorded before it is done")
		return commands.Effect{}, nil
	}))
	require.Len(t, log.drafts, 4, "the outcome of the action too")
	for i, want := range []struct {
		caller       commands.Caller
		data         domain.Data
		key, subject string
	}{
		{reader, read, reader.ParentAccount, read.Dashboard},
		{reader, exported, reader.ParentAccount, reader.ParentAccount},
		{operator, pausing, domain.OperationsKeyAll, domain.OperationsKeyAll},
	} {
		d := log.drafts[i]
		require.Equal(t, domain.TopicOperations, d.Topic)
		require.Equal(t, want.key, d.Key)
		require.Equal(t, want.data, d.Data)
		require.Equal(t, domain.Audit{Actor: want.caller.UserID, Role: want.caller.Role, RequestID: want.caller.RequestID}, d.Envelope.Audit)
		require.Equal(t, want.caller.TraceParent, d.Envelope.TraceParent)
		require.Equal(t, want.subject, d.Envelope.Subject)
		require.Equal(t, auditNow.Truncate(time.Microsecond), d.Envelope.Time)
		require.Equal(t, want.data.EventType(), d.Envelope.Type)
	}
	require.NotEqual(t, log.drafts[0].Envelope.ID, log.drafts[1].Envelope.ID)
}

// Readers and operators are refused after any error of the log, even if the record may have been
// appended.
func TestAuditedAccessIsRefusedIfRecordFails(t *testing.T) {
	t.Parallel()
	audit := newAudit(&takingLog{append: func(context.Context) error { return errors.New("no broker") }})
	for _, err := range []error{
		audit.RecordRead(t.Context(), reader, domain.AuditRead{What: domain.AuditHistory}),
		audit.RecordExport(t.Context(), reader, domain.AuditExported{Format: "csv"}),
		audit.Act(t.Context(), operator, pausing, nil),
	} {
		known := asError(t, err)
		require.Equal(t, domain.CodeUnavailable, known.Code)
		require.Positive(t, known.RetryAfter)
		require.NotContains(t, err.Error(), "broker")
	}
	require.ErrorContains(t, audit.Act(t.Context(), operator, pausing, nil), "nothing was done")
}

// A log that does not respond must not block readers and operators for minutes.
func TestAuditAppendTimesOut(t *testing.T) {
	t.Parallel()
	silent := &takingLog{append: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	for name, record := range map[string]func(context.Context) error{
		"reader": func(ctx context.Context) error {
			return newAudit(silent).RecordRead(ctx, reader, domain.AuditRead{What: domain.AuditHistory})
		},
		"operator": func(ctx context.Context) error { return newAudit(silent).Act(ctx, operator, pausing, nil) },
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(record(t.Context())), name)
			require.Equal(t, 5*time.Second, time.Since(began), name)
		})
	}
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

func TestInvalidOperatorActionIsNotRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	for _, change := range []func(*domain.OperatorActed){
		func(a *domain.OperatorActed) { a.Target.User = "ada@example.com" },
		func(a *domain.OperatorActed) { a.Reason.Ticket = "it was late" },
	} {
		act := pausing
		change(&act)
		known := asError(t, newAudit(log).Act(t.Context(), operator, act, nil))
		require.Equal(t, domain.CodeInvalid, known.Code)
		require.NotContains(t, known.Message, "invalid:", "a sentence for people")
	}
	require.Empty(t, log.drafts)
}

// The outcome of an action is recorded after it, by the same caller and request.
func TestOutcomeOfOperatorActionIsRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		effect commands.Effect
		err    error
		want   domain.OperatorFinished
	}{
		"done":        {commands.Effect{Rebuild: "r1", Stopped: true}, nil, domain.OperatorFinished{Rebuild: "r1", Stopped: true}},
		"refused":     {err: domain.NewError(domain.CodeConflict, "it runs"), want: domain.OperatorFinished{Code: "conflict"}},
		"wrapped":     {err: fmt.Errorf("drop: %w", domain.NewError(domain.CodeNotFound, "none")), want: domain.OperatorFinished{Code: "not_found"}},
		"nobody told": {err: errors.New("row of ada@example.com"), want: domain.OperatorFinished{Code: "internal"}},
		"open":        {err: domain.NewError(domain.CodeUnavailable, "try again"), want: domain.OperatorFinished{Code: "unavailable"}},
	} {
		log := &takingLog{}
		ctx, hangUp := context.WithCancel(t.Context())
		err := newAudit(log).Act(ctx, operator, pausing, func(context.Context) (commands.Effect, error) {
			hangUp() // the caller goes away, and the outcome is recorded all the same
			return c.effect, c.err
		})
		require.ErrorIs(t, err, c.err, name)
		require.Len(t, log.drafts, 2, name)
		acted, finished := log.drafts[0], log.drafts[1]
		c.want.Of = acted.Envelope.ID
		require.Equal(t, c.want, finished.Data, name)
		require.Equal(t, acted.Key, finished.Key)
		require.Equal(t, acted.Envelope.Audit, finished.Envelope.Audit)
	}
}

// An action stays done if the log does not accept the second record. The trail then has no outcome.
func TestOperatorActionSucceedsIfOutcomeIsNotRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	err := newAudit(log).Act(t.Context(), operator, pausing, func(context.Context) (commands.Effect, error) {
		log.append = func(context.Context) error { return errors.New("no broker") }
		return commands.Effect{}, nil
	})
	require.NoError(t, err)
}
