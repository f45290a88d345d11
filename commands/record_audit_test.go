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

// takingLog takes drafts, or does what a test says.
type takingLog struct {
	drafts []domain.Draft
	append func(context.Context) error
}

func (l *takingLog) Append(ctx context.Context, d domain.Draft) error {
	l.drafts = append(l.drafts, d)
	if l.append != nil {
		return l.append(ctx)
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

// The record says who, in which role, by which request, and what; it lies under the agency's key.
func TestReadingIsRecorded(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	audit := newAudit(log)
	read := domain.AuditRead{What: domain.AuditState, Dashboard: "c10000000000000000000000", AsOf: 7}
	exported := domain.AuditExported{Format: "csv", AsOf: 8}
	require.NoError(t, audit.RecordRead(t.Context(), reader, read))
	require.NoError(t, audit.RecordExport(t.Context(), reader, exported))
	require.Len(t, log.drafts, 2)
	for i, want := range []struct {
		data    domain.Data
		subject string
	}{{read, read.Dashboard}, {exported, reader.ParentAccount}} {
		d := log.drafts[i]
		require.Equal(t, domain.TopicOperations, d.Topic)
		require.Equal(t, reader.ParentAccount, d.Key)
		require.Equal(t, want.data, d.Data)
		require.Equal(t, domain.Audit{Actor: reader.UserID, Role: "auditor", RequestID: "r-1"}, d.Envelope.Audit)
		require.Equal(t, reader.TraceParent, d.Envelope.TraceParent)
		require.Equal(t, want.subject, d.Envelope.Subject)
		require.Equal(t, auditNow.Truncate(time.Microsecond), d.Envelope.Time)
		require.Equal(t, want.data.EventType(), d.Envelope.Type)
	}
	require.NotEqual(t, log.drafts[0].Envelope.ID, log.drafts[1].Envelope.ID)
}

// Whatever the log's trouble is, the reader is refused: also when the record may have been taken.
func TestWithoutARecordTheReaderIsRefused(t *testing.T) {
	t.Parallel()
	audit := newAudit(&takingLog{append: func(context.Context) error { return errors.New("no broker") }})
	for _, err := range []error{
		audit.RecordRead(t.Context(), reader, domain.AuditRead{What: domain.AuditHistory}),
		audit.RecordExport(t.Context(), reader, domain.AuditExported{Format: "csv"}),
	} {
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		var known *domain.Error
		require.ErrorAs(t, err, &known)
		require.Positive(t, known.RetryAfter)
		require.NotContains(t, err.Error(), "broker")
	}
}

// A log that does not answer must hold neither a reader nor an operator for minutes.
func TestTheLogIsWaitedForABoundedTime(t *testing.T) {
	t.Parallel()
	silent := &takingLog{append: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	for name, record := range map[string]func(context.Context) error{
		"reader": func(ctx context.Context) error {
			return newAudit(silent).RecordRead(ctx, reader, domain.AuditRead{What: domain.AuditHistory})
		},
		"operator": func(ctx context.Context) error { return newOperations(silent).Act(ctx, operator, pausing, nil) },
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(record(t.Context())), name)
			require.Equal(t, 5*time.Second, time.Since(began), name)
		})
	}
}
