package commands

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Operations records what operators do.
type Operations struct {
	Log    Appender
	Now    func() time.Time
	Logger *slog.Logger
}

// Record appends that the caller is about to act; nil means that it is in the log and that the action may
// begin. Any error forbids it: invalid says what is wrong with the action, its target or its reason; unavailable
// that the log did not take the record in time. It may have been taken all the same: then the trail holds an
// action that was refused, never the other way round.
func (o *Operations) Record(ctx context.Context, c Caller, act domain.OperatorActed) error {
	if err := act.Validate(); err != nil {
		if reason, ok := errors.AsType[*domain.Error](err); ok {
			return reason
		}
		return domain.NewError(domain.CodeInvalid, "This cannot be done as it is asked for: %v", err)
	}
	draft := NewDraft(domain.TopicOperations, domain.OperationsKeyAll, act, o.Now())
	c.sign(&draft.Envelope)
	if err := recordFirst(ctx, o.Log, draft); err != nil {
		o.Logger.ErrorContext(ctx, "action of an operator is not recorded, and refused",
			"action", string(act.Action), "request_id", c.RequestID, "error", err)
		return unavailable("That you ask for this could not be recorded, and without the record nothing is done. Try again.")
	}
	return nil
}
