package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Limits of a command, and the polling interval while it waits.
const (
	defaultDeadline = 10 * time.Second
	maxAttempts     = 10
	pollInterval    = 100 * time.Millisecond
	// retryAfter is the Retry-After, in seconds, of an answer whose outcome is open.
	retryAfter = 2
)

// run executes a change: load, decide, append and wait.
func (d *Dashboards) run(ctx context.Context, c change) (r Result, err error) {
	c = d.begin(c)
	err = d.inTurn(ctx, c.ParentAccount, "changed", "Too many changes of the dashboard are being made at the same time. Nothing was changed. Read the dashboard again and repeat your change.",
		func(ctx context.Context) (settled bool, err error) {
			r, settled, err = d.attempt(ctx, c)
			return settled, err
		})
	return r, err
}

// inTurn repeats attempt until it does not lose its race, and runs only one command of the agency
// at a time in this process. verb is the past participle for messages, for example "changed". lost
// is the message after too many lost races.
func (d *Dashboards) inTurn(ctx context.Context, parent, verb, lost string, attempt func(context.Context) (settled bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.Gate(); err != nil {
		return err
	}
	unlock, err := d.locks.Lock(ctx, parent)
	if err != nil {
		return unavailable("Too many changes of this agency are waiting. Nothing was %s. Try again.", verb)
	}
	defer unlock()
	for range d.attempts {
		if settled, err := attempt(ctx); err != nil || settled {
			return err
		}
	}
	return domain.NewError(domain.CodeConflict, "%s", lost)
}

// begin sets the command id and the partition of the agency's stream.
func (d *Dashboards) begin(c change) change {
	c.commandID = uuid.Must(uuid.NewV7()).String()
	if d.PartitionOf != nil {
		c.need.Partition = d.PartitionOf(c.ParentAccount)
	}
	return c
}

// attempt makes one attempt. settled is false after a lost race.
func (d *Dashboards) attempt(ctx context.Context, c change) (r Result, settled bool, err error) {
	view, event, err := d.consider(ctx, c)
	if err != nil {
		return r, false, err
	}
	if view.Earlier != nil {
		r, err := d.replay(ctx, c, *view.Earlier)
		return r, err == nil, err
	}
	if event == nil {
		return Result{Dashboard: view.Facts.Dashboards[c.need.Primary]}, true, nil
	}
	draft := d.draft(c, event, view.Head)
	if err := d.appendError(ctx, c, d.Log.Append(ctx, draft)); err != nil {
		return r, false, err
	}
	return d.settle(ctx, c, draft.Envelope.Chain.Version)
}

// draft returns the record of an event.
func (d *Dashboards) draft(c change, event domain.Data, head domain.StreamHead) domain.Draft {
	draft := nextDraft(c.ParentAccount, c.need.Primary, event, head, d.Now())
	c.sign(&draft.Envelope)
	audit := &draft.Envelope.Audit
	audit.CommandID, audit.IdempotencyKey, audit.RequestDigest = c.commandID, keyDigest(c.Caller, c.name()), c.digest
	return draft
}

// appended maps an append error to an error for the caller. It returns an error only if nothing was
// appended. If the outcome is open it returns nil, and settle finds the outcome.
func (d *Dashboards) appendError(ctx context.Context, c change, err error) error {
	switch {
	case err == nil:
		return nil
	case d.TooLarge(err):
		return domain.NewError(domain.CodeUnprocessable,
			"The change is too large for one record: %s. Send fewer accounts or users at a time.", cause(err))
	case d.Refused(err):
		d.Logger.ErrorContext(ctx, "append refused", "command_id", c.commandID, "error", err)
		return unavailable("The log does not accept changes now. Nothing was changed. Try again.")
	default:
		d.Logger.WarnContext(ctx, "append outcome unknown", "command_id", c.commandID, "error", err)
		return nil
	}
}

// settle waits until the head has passed the version. Only then is it known whose record has the
// version. Before that, neither success nor refusal may be reported, because the record may still
// arrive.
func (d *Dashboards) settle(ctx context.Context, c change, version int64) (r Result, settled bool, err error) {
	s, err := d.AwaitHead(ctx, c.ParentAccount, version)
	switch {
	case err != nil || s.CommandID == "":
		return r, false, c.open()
	case s.CommandID != c.commandID:
		return r, false, nil
	}
	document, err := d.Store.Document(ctx, c.ParentAccount, c.need.Primary, version)
	if err != nil {
		return r, false, c.open()
	}
	return Result{Dashboard: document}, true, nil
}

// AwaitHead waits until the head of an agency's stream has passed a version, and returns whose
// record has it. The error is that of ctx.
func (d *Dashboards) AwaitHead(ctx context.Context, parent string, version int64) (domain.Settlement, error) {
	for {
		moved := d.Store.Moved(parent)
		s, err := d.Store.Settle(ctx, parent, version)
		switch {
		case err == nil && s.Passed:
			return s, nil
		case err != nil && ctx.Err() == nil:
			d.Logger.WarnContext(ctx, "read command outcome", "parent_account", parent, "version", version, "error", err)
		}
		select {
		case <-moved:
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return domain.Settlement{}, ctx.Err()
		}
	}
}

// open returns the error for an unknown outcome. It names the key under which the record is
// remembered: the caller's key, or the command id.
func (c change) open() error {
	key := c.name()
	e := unavailable("It is not yet known whether your change was recorded. Repeat the same request with the header "+
		"Idempotency-Key: %s to get the outcome. The change will not be made twice.", key)
	e.CommandID = key
	return e
}

func unavailable(format string, args ...any) *domain.Error {
	e := domain.NewError(domain.CodeUnavailable, format, args...)
	e.RetryAfter = retryAfter
	return e
}

// cause returns the text of the innermost error that adds detail to a sentinel, for example the
// size and the limit.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || errors.Unwrap(inner) == nil {
			return err.Error()
		}
		err = inner
	}
}
