package commands

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Operations records what operators do, and what comes of it.
type Operations struct {
	Log    Appender
	Now    func() time.Time
	Logger *slog.Logger
}

// Effect is what an action did, beside that it was done.
type Effect struct {
	Rebuild string // id of a rebuild that was taken on
	Count   int    // parked records that were folded
	Left    int    // parked records that were tried in vain
}

// Act records that the caller is about to act, acts, and records what came of it. Without the first record nothing is
// done, and the error is invalid (what is wrong with the request)
// or unavailable (the log); else the error is that of do. What do looked at before it was called needs
// no record; its own [domain.Error] says that nothing was done, unless it is unavailable or internal.
//
// A process that ends in between leaves an action without an outcome. So does a log that does not take the second record:
// the action stays as it is, and its trail says that nobody knows, never that it was done when it was not.
func (o *Operations) Act(ctx context.Context, c Caller, act domain.OperatorActed, do func(context.Context) (Effect, error)) error {
	id, err := o.announce(ctx, c, act)
	if err != nil {
		return err
	}
	effect, err := do(ctx)
	finished := outcome(effect, err)
	finished.Of, finished.Action = id, act.Action
	o.finish(ctx, c, finished)
	return err
}

// announce appends that the caller is about to act; nil means that it is in the log and that the action may
// begin. Any error forbids it: invalid says what is wrong with the action, its target or its reason; unavailable
// that the log did not take the record in time. It may have been taken all the same: then the trail holds an
// action without an outcome.
func (o *Operations) announce(ctx context.Context, c Caller, act domain.OperatorActed) (id string, err error) {
	if err := act.Validate(); err != nil {
		if reason, ok := errors.AsType[*domain.Error](err); ok {
			return "", reason
		}
		return "", domain.NewError(domain.CodeInvalid, "This cannot be done as it is asked for: %v", err)
	}
	draft := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, act, o.Now())
	c.sign(&draft.Envelope)
	if err := recordFirst(ctx, o.Log, draft); err != nil {
		o.Logger.ErrorContext(ctx, "action of an operator is not recorded, and refused",
			"action", string(act.Action), "request_id", c.RequestID, "error", err)
		return "", unavailable("That you ask for this could not be recorded, and without the record nothing is done. Try again.")
	}
	return draft.Envelope.ID, nil
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

// finish appends what came of an action, also for a caller who has gone away meanwhile.
func (o *Operations) finish(ctx context.Context, c Caller, finished domain.OperatorFinished) {
	draft := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, finished, o.Now())
	c.sign(&draft.Envelope)
	if err := recordFirst(context.WithoutCancel(ctx), o.Log, draft); err != nil {
		o.Logger.ErrorContext(ctx, "what came of an operator's action is not recorded", "action", string(finished.Action),
			"outcome", string(finished.Outcome), "request_id", c.RequestID, "error", err)
	}
}
