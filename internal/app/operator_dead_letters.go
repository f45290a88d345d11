package app

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// DeadLetters lists dead letters.
func (o *Operators) DeadLetters(ctx context.Context, f operator.DeadLetterFilter) ([]operator.DeadLetter, error) {
	return projections.DeadLetters(ctx, o.parts.engine, f)
}

// DeadLetter returns the dead letter with an id.
func (o *Operators) DeadLetter(ctx context.Context, id string) (letter operator.DeadLetter, err error) {
	found, err := o.DeadLetters(ctx, operator.DeadLetterFilter{ID: id})
	if err != nil {
		return letter, err
	}
	if len(found) == 0 {
		return letter, domain.NewError(domain.CodeNotFound,
			"There is no dead letter %s, or not any more. 'ledgerboard dead-letters' lists all.", id)
	}
	return found[0], nil
}

// ShowDeadLetter returns a dead letter and its record in the log. The access is recorded.
func (o *Operators) ShowDeadLetter(
	ctx context.Context, c commands.Caller, id string, reason domain.Reason,
) (record operator.DeadRecord, err error) {
	letter, e, target, err := o.deadLetter(ctx, id)
	if err != nil {
		return record, err
	}
	err = o.act(ctx, c, domain.ActionDeadLetterShown, target, reason, withoutEffect(func(ctx context.Context) error {
		record, err = e.ShowDeadLetter(ctx, letter)
		return err
	}))
	return record, err
}

func (o *Operators) deadLetter(
	ctx context.Context, id string,
) (letter operator.DeadLetter, e *projections.Engine, target domain.OperatorTarget, err error) {
	if letter, err = o.DeadLetter(ctx, id); err == nil {
		e, err = o.projection(letter.Projection)
	}
	at := letter.Position()
	return letter, e, domain.OperatorTarget{Projection: letter.Projection, Position: &at}, err
}

// RetryStream folds the stream that an event has stopped again from its start.
func (o *Operators) RetryStream(
	ctx context.Context, c commands.Caller, id string, reason domain.Reason,
) (operator.StreamFolded, error) {
	return o.foldStream(ctx, c, id, domain.ActionStreamRetried, reason,
		func(ctx context.Context, letter operator.DeadLetter, e *projections.Engine) error {
			return e.FoldAgain(ctx, letter.Stream)
		})
}

// SkipEvent skips the event that has stopped a stream permanently, by a record of the stream, which
// is then folded again from its start.
func (o *Operators) SkipEvent(
	ctx context.Context, c commands.Caller, id string, reason domain.Reason,
) (operator.StreamFolded, error) {
	return o.foldStream(ctx, c, id, domain.ActionEventSkipped, reason,
		func(ctx context.Context, letter operator.DeadLetter, _ *projections.Engine) error {
			config := o.parts.dashboardCommands()
			config.Store = &readmodels.Dashboards{Pool: o.parts.ReadPool, Progress: o.parts.progress}
			c.ParentAccount = letter.Stream
			return commands.NewDashboards(config).Skip(ctx, commands.SkipEvent{Caller: c, Version: letter.StoppedAt, Reason: reason})
		})
}

// foldStream does an action after which a stopped stream is folded again, and returns where it has
// stopped then.
func (o *Operators) foldStream(
	ctx context.Context, c commands.Caller, id string, action domain.OperatorAction, reason domain.Reason,
	do func(context.Context, operator.DeadLetter, *projections.Engine) error,
) (result operator.StreamFolded, err error) {
	letter, e, target, err := o.deadLetter(ctx, id)
	if err != nil {
		return result, err
	}
	if !letter.StopsStream() {
		return result, domain.NewError(domain.CodeConflict,
			"The event stops no stream, so nothing waits for it. Nothing was done. "+
				"A new version of the program that can process it builds its tables from the log, with this event.")
	}
	if err := mustBeFolded(ctx, o.parts.engine, e); err != nil {
		return result, err
	}
	result.Stream = letter.Stream
	err = o.act(ctx, c, action, target, reason, func(ctx context.Context) (commands.Effect, error) {
		if err := do(ctx, letter, e); err != nil {
			return commands.Effect{}, err
		}
		left, err := o.DeadLetters(ctx, operator.DeadLetterFilter{Projection: letter.Projection, Stream: letter.Stream, Limit: 1})
		if len(left) > 0 {
			result.Stopped = &left[0]
		}
		return commands.Effect{Stopped: len(left) > 0}, err
	})
	return result, err
}

// mustBeFolded returns an error if no process folds the tables that readers use.
func mustBeFolded(ctx context.Context, pool *pgxpool.Pool, e *projections.Engine) error {
	status, err := e.Status(ctx)
	if err != nil {
		return err
	}
	folded, err := projections.Folded(ctx, pool)
	if err != nil || slices.Contains(folded, status.GenerationName()) {
		return err
	}
	return domain.NewError(domain.CodeUnavailable,
		"No process folds %s, so nothing would happen. Start a process with the role projector, then try again.",
		e.Name())
}
