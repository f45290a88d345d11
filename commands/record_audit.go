package commands

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Audit records that someone reads or exports the audit trail, and what operators do. Each request is one record, of some 400
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
	return a.recordReader(ctx, c, read, read.Dashboard)
}

// RecordExport appends that the caller exports; as [Audit.RecordRead].
func (a *Audit) RecordExport(ctx context.Context, c Caller, export domain.AuditExported) error {
	return a.recordReader(ctx, c, export, export.Dashboard)
}

func (a *Audit) recordReader(ctx context.Context, c Caller, data domain.Data, dashboard string) error {
	draft := NewDraft(domain.TopicOperations, c.ParentAccount, data, a.Now())
	if dashboard != "" {
		draft.Envelope.Subject = dashboard
	}
	if err := a.record(ctx, c, draft, "reading of the audit trail is not recorded, and refused"); err != nil {
		return unavailable("That you read this could not be recorded, and without the record nothing is shown. Try again.")
	}
	return nil
}

// recordWithin is how long a person waits for the log to take the record.
const recordWithin = 5 * time.Second

// record appends what must be in the log before anything is shown or done. After an error, which is logged, the record may
// have been taken all the same.
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

// Effect is what an action did, beside that it was done.
type Effect struct {
	Rebuild string // id of a rebuild that was taken on
	Count   int    // parked records that were folded
	Left    int    // parked records that were tried in vain
}

// Act records that the caller is about to act, acts, and records what came of it, also for a caller who has gone away meanwhile.
// Without the first record nothing is done, and the error is invalid (what is wrong with the request) or unavailable (the log);
// else the error is that of do. What do looked at before it was called needs no record; its own [domain.Error] says that nothing
// was done, unless it is unavailable or internal.
//
// A process that ends in between leaves an action without an outcome. So does a log that does not take the second record:
// the action stays as it is, and its trail says that nobody knows, never that it was done when it was not.
func (a *Audit) Act(ctx context.Context, c Caller, act domain.OperatorActed, do func(context.Context) (Effect, error)) error {
	if err := act.Validate(); err != nil {
		if reason, ok := errors.AsType[*domain.Error](err); ok {
			return reason
		}
		return domain.NewError(domain.CodeInvalid, "This cannot be done as it is asked for: %v", err)
	}
	announced := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, act, a.Now())
	if err := a.record(ctx, c, announced, "action of an operator is not recorded, and refused"); err != nil {
		return unavailable("That you ask for this could not be recorded, and without the record nothing is done. Try again.")
	}
	effect, err := do(ctx)
	finished := outcome(effect, err)
	finished.Of, finished.Action = announced.Envelope.ID, act.Action
	_ = a.record(context.WithoutCancel(ctx), c, NewDraft(domain.TopicOperations, domain.OperationsKeyAll, finished, a.Now()),
		"what came of an operator's action is not recorded")
	return err
}

// outcome reads what came of an action from its error.
func outcome(effect Effect, err error) domain.OperatorFinished {
	f := domain.OperatorFinished{Outcome: domain.OutcomeDone, Rebuild: effect.Rebuild, Count: effect.Count, Left: effect.Left}
	if err == nil {
		return f
	}
	f.Outcome, f.Code = domain.OutcomeFailed, domain.CodeOf(err)
	known, ok := errors.AsType[*domain.Error](err)
	if ok && f.Code != domain.CodeUnavailable && f.Code != domain.CodeInternal {
		f.Outcome, f.Why = domain.OutcomeRefused, known.Message
		if why := []rune(known.Message); len(why) > domain.MaxWhy {
			f.Why = string(why[:domain.MaxWhy])
		}
	}
	return f
}
