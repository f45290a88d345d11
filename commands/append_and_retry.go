package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Limits of a command, and how long a waiter trusts that it will be woken.
const (
	defaultDeadline = 10 * time.Second
	maxAttempts     = 10
	lookAgain       = 100 * time.Millisecond
	// retryAfter is in seconds: what a caller with an open outcome is told to wait.
	retryAfter = 2
)

// run carries a change through load, decide, append and wait.
func (d *Dashboards) run(ctx context.Context, c change) (r Result, err error) {
	c = d.begin(c)
	err = d.inTurn(ctx, c.ParentAccount, "changed", "The dashboard is being changed by many at once. Nothing was changed; read it again and repeat your change.",
		func(ctx context.Context) (settled bool, err error) {
			r, settled, err = d.attempt(ctx, c)
			return settled, err
		})
	return r, err
}

// inTurn makes attempts until one has not lost its race, while no other command of the agency runs in this process. done and lost are words
// for people: what is done here, and what to do after too many lost races.
func (d *Dashboards) inTurn(ctx context.Context, parent, done, lost string, attempt func(context.Context) (settled bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.Gate(); err != nil {
		return err
	}
	unlock, err := d.locks.Lock(ctx, parent)
	if err != nil {
		return unavailable("Too many changes of this agency are waiting. Nothing was %s; try again.", done)
	}
	defer unlock()
	for range d.attempts {
		if settled, err := attempt(ctx); err != nil || settled {
			return err
		}
	}
	return domain.NewError(domain.CodeConflict, "%s", lost)
}

// begin names the command, and the partition that it is about.
func (d *Dashboards) begin(c change) change {
	c.commandID = uuid.Must(uuid.NewV7()).String()
	if d.PartitionOf != nil {
		c.need.Partition = d.PartitionOf(c.ParentAccount)
	}
	return c
}

// attempt is one round. Settled is false after a lost race.
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
	if err := d.appended(ctx, c, d.Log.Append(ctx, draft)); err != nil {
		return r, false, err
	}
	return d.settle(ctx, c, draft.Envelope.Chain.Version)
}

// draft makes the record.
func (d *Dashboards) draft(c change, event domain.Data, head domain.StreamHead) domain.Draft {
	draft := nextDraft(c.ParentAccount, c.need.Primary, event, head, d.Now())
	c.sign(&draft.Envelope)
	audit := &draft.Envelope.Audit
	audit.CommandID, audit.IdempotencyKey, audit.RequestDigest = c.commandID, keyDigest(c.Caller, c.name()), c.digest
	return draft
}

// appended tells what an append's error means to the caller. It returns an error only when definitely nothing was appended:
// an open outcome is for settle to find out.
func (d *Dashboards) appended(ctx context.Context, c change, err error) error {
	switch {
	case err == nil:
		return nil
	case d.TooLarge(err):
		return domain.NewError(domain.CodeUnprocessable,
			"The change is too large for one record: %s. Name fewer accounts or users at a time.", cause(err))
	case d.Refused(err):
		d.Logger.ErrorContext(ctx, "append refused", "command_id", c.commandID, "error", err)
		return unavailable("The log does not take changes now. Nothing was changed; try again.")
	default:
		d.Logger.WarnContext(ctx, "append has no definite answer", "command_id", c.commandID, "error", err)
		return nil
	}
}

// settle waits until the head has passed the version. Only then is it known whose record holds it:
// before that, neither success nor refusal may be told, because the record may still come.
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

// AwaitHead waits until the head of an agency's stream has passed a version, and tells whose record that was.
// Its error is that of ctx.
func (d *Dashboards) AwaitHead(ctx context.Context, parent string, version int64) (domain.Settlement, error) {
	for {
		moved := d.Store.Moved(parent)
		s, err := d.Store.Settle(ctx, parent, version)
		switch {
		case err == nil && s.Passed:
			return s, nil
		case err != nil && ctx.Err() == nil:
			d.Logger.WarnContext(ctx, "look for outcome", "parent_account", parent, "version", version, "error", err)
		}
		select {
		case <-moved:
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return domain.Settlement{}, ctx.Err()
		}
	}
}

// open is the answer while the outcome is not known. It names the key that the record is remembered
// under: the caller's own, else the command's id.
func (c change) open() error {
	key := c.name()
	e := unavailable("It is not known yet whether your change was taken. Repeat the same request with the header "+
		"Idempotency-Key: %s to learn its outcome; it will not be done twice.", key)
	e.CommandID = key
	return e
}

func unavailable(format string, args ...any) *domain.Error {
	e := domain.NewError(domain.CodeUnavailable, format, args...)
	e.RetryAfter = retryAfter
	return e
}

// cause returns the text of the innermost error that says more than a sentinel: which size, which
// limit.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || errors.Unwrap(inner) == nil {
			return err.Error()
		}
		err = inner
	}
}
