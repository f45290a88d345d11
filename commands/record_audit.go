package commands

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Audit records reads and exports of the audit trail, and actions of operators. Each request is one
// record of about 400 bytes; polling every 10 seconds makes 3 MB a day.
type Audit struct {
	Log    Appender
	Now    func() time.Time
	Logger *slog.Logger
}

// RecordRead records that the caller reads the audit trail. If it returns nil, the record is in the
// log and the response may be shown. Otherwise the error has code [domain.CodeUnavailable], and the
// response must not be shown, although the record may have been appended.
func (a *Audit) RecordRead(ctx context.Context, c Caller, read domain.AuditRead) error {
	return a.recordReader(ctx, c, read, read.Dashboard)
}

// RecordExport records that the caller exports the audit trail, like [Audit.RecordRead].
func (a *Audit) RecordExport(ctx context.Context, c Caller, export domain.AuditExported) error {
	return a.recordReader(ctx, c, export, export.Dashboard)
}

func (a *Audit) recordReader(ctx context.Context, c Caller, data domain.Data, dashboard string) error {
	draft := NewDraft(domain.TopicOperations, c.ParentAccount, data, a.Now())
	if dashboard != "" {
		draft.Envelope.Subject = dashboard
	}
	if err := a.record(ctx, c, draft, "audit read refused: record not appended"); err != nil {
		return unavailable("Your access could not be recorded, so nothing is shown. Try again.")
	}
	return nil
}

// recordWithin bounds how long a person waits for the log to accept a record.
const recordWithin = 5 * time.Second

// record logs errors. After an error the record may still have been appended.
func (a *Audit) record(ctx context.Context, c Caller, draft domain.Draft, failed string) error {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	c.sign(&draft.Envelope)
	err := a.Log.Append(ctx, draft)
	if err != nil {
		a.Logger.ErrorContext(ctx, failed, "record", draft.Data, "request_id", c.RequestID, "error", err)
	}
	return err
}

// Effect is the effect of an operator's action.
type Effect struct {
	Rebuild string // id of the accepted rebuild
	Stopped bool   // whether the stream has stopped again
}

// Act records that the caller is about to perform an action, calls do, and records the outcome,
// even if the caller has disconnected. If the first record cannot be appended, Act does not call do
// and returns an error: invalid (the request) or unavailable (the log). Otherwise it returns the
// error of do. A [domain.Error] of do means that nothing was done, unless its code is unavailable
// or internal.
//
// If the process exits before the outcome is recorded, or the log does not accept the second
// record, the audit trail shows the outcome as unknown.
func (a *Audit) Act(
	ctx context.Context, c Caller, act domain.OperatorActed, do func(context.Context) (Effect, error),
) error {
	act.LocalOperator = c.Local
	if err := act.Validate(); err != nil {
		if reason, ok := errors.AsType[*domain.Error](err); ok {
			return reason
		}
		return domain.NewError(domain.CodeInvalid, "The request is not valid: %v", err)
	}
	announced := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, act, a.Now())
	if err := a.record(ctx, c, announced, "operator action refused: record not appended"); err != nil {
		return unavailable("Your request could not be recorded, so nothing was done. Try again.")
	}
	effect, err := do(ctx)
	finished := domain.OperatorFinished{Of: announced.Envelope.ID, Rebuild: effect.Rebuild, Stopped: effect.Stopped}
	if err != nil {
		finished.Code = domain.CodeOf(err)
	}
	draft := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, finished, a.Now())
	_ = a.record(context.WithoutCancel(ctx), c, draft, "outcome of operator action not recorded")
	return err
}

// DoneDraft returns the draft of the record that an announced erasure or import is done.
func DoneDraft(announced domain.Draft, now time.Time) domain.Draft {
	done := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, domain.OperatorFinished{Of: announced.Envelope.ID}, now)
	done.Envelope.Audit.Actor = announced.Envelope.Audit.Actor
	return done
}
