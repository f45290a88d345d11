package commands

import (
	"context"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Audit records that someone reads or exports the audit trail. Each request is one record, of some 400
// bytes: a poll of every 10 seconds makes 3 MB a day, which is cheap, and a record that stands for
// several readings would not say what was seen when.
type Audit struct {
	Log    Appender
	Now    func() time.Time
	Logger *slog.Logger
}

// RecordRead appends that the caller reads; nil means that it is in the log and that the answer may be
// shown. Its error is unavailable: the answer must not be shown, also when the record may have been taken.
func (a *Audit) RecordRead(ctx context.Context, c Caller, read domain.AuditRead) error {
	return a.record(ctx, c, read, read.Dashboard)
}

// RecordExport appends that the caller exports; as [Audit.RecordRead].
func (a *Audit) RecordExport(ctx context.Context, c Caller, export domain.AuditExported) error {
	return a.record(ctx, c, export, export.Dashboard)
}

func (a *Audit) record(ctx context.Context, c Caller, data domain.Data, dashboard string) error {
	draft := NewDraft(domain.TopicOperations, c.ParentAccount, data, a.Now())
	if dashboard != "" {
		draft.Envelope.Subject = dashboard
	}
	c.sign(&draft.Envelope)
	if err := recordFirst(ctx, a.Log, draft); err != nil {
		a.Logger.ErrorContext(ctx, "reading of the audit trail is not recorded, and refused", "request_id", c.RequestID, "error", err)
		return unavailable("That you read this could not be recorded, and without the record nothing is shown. Try again.")
	}
	return nil
}

// recordWithin is how long a person waits for the log to take the record.
const recordWithin = 5 * time.Second

// recordFirst appends what must be in the log before anything is shown or done. After an error the record may
// have been taken all the same.
func recordFirst(ctx context.Context, log Appender, draft domain.Draft) error {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	return log.Append(ctx, draft)
}
