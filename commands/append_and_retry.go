package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Limits of a command.
const (
	defaultDeadline = 10 * time.Second
	maxAttempts     = 10
	// retryAfter is the Retry-After of unavailable errors, in seconds.
	retryAfter = 2
)

func (d *Dashboards) run(ctx context.Context, c change) (r Result, err error) {
	c = d.begin(c)
	err = d.inTurn(ctx, c.ParentAccount, "changed",
		"Too many changes to the dashboard are being made at the same time. Nothing was changed. "+
			"Read the dashboard again and repeat your change.",
		func(ctx context.Context) (settled bool, err error) {
			r, settled, err = d.attempt(ctx, c)
			return settled, err
		})
	return r, err
}

// inTurn repeats attempt until it is settled or returns an error. In this process, only one command
// of an agency runs at a time. verb is a past participle for messages. lost is the message after
// too many attempts.
func (d *Dashboards) inTurn(
	ctx context.Context, parent, verb, lost string, attempt func(context.Context) (settled bool, err error),
) error {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.Gate(); err != nil {
		return err
	}
	unlock, err := d.locks.Lock(ctx, parent)
	if err != nil {
		return unavailable("Too many changes to this agency are waiting. Nothing was %s. Try again.", verb)
	}
	defer unlock()
	for range d.attempts {
		if settled, err := attempt(ctx); err != nil || settled {
			return err
		}
	}
	return domain.NewError(domain.CodeConflict, "%s", lost)
}

func (d *Dashboards) begin(c change) change {
	c.commandID = uuid.Must(uuid.NewV7()).String()
	c.need.Partition = d.PartitionOf(c.ParentAccount)
	return c
}

// attempt makes one attempt at a command. settled is false after a lost race.
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
	folded := d.Store.Moved(c.ParentAccount) // before the append, so that the wait misses no fold
	if err := d.appendError(ctx, c, d.Log.Append(ctx, draft)); err != nil {
		return r, false, err
	}
	return d.settle(ctx, c, view.Facts, draft, folded)
}

func (d *Dashboards) draft(c change, event domain.Data, head domain.StreamHead) domain.Draft {
	draft := nextDraft(c.ParentAccount, c.need.Primary, event, head, d.Now())
	c.sign(&draft.Envelope)
	audit := &draft.Envelope.Audit
	audit.CommandID, audit.IdempotencyKey, audit.RequestDigest = c.commandID, keyDigest(c.Caller, c.name()), c.digest
	return draft
}

// appendError returns an error only if nothing was appended. If the outcome is open, it returns
// nil, and settle finds the outcome.
func (d *Dashboards) appendError(ctx context.Context, c change, err error) error {
	switch {
	case err == nil:
		return nil
	case d.TooLarge(err):
		return domain.NewError(domain.CodeUnprocessable,
			"The change is too large for one record: %s. Send fewer accounts or users at a time.", cause(err))
	case notAppended(err) != nil:
		d.Logger.ErrorContext(ctx, "append refused", "command_id", c.commandID, "error", err)
		return notAppended(err)
	default:
		d.Logger.WarnContext(ctx, "append outcome unknown", "command_id", c.commandID, "error", err)
		return nil
	}
}

// notAppended returns the error to be shown if a record was certainly not appended, and nil if it may
// be in the log.
func notAppended(err error) error {
	refused, ok := errors.AsType[domain.NotAppendedError](err)
	switch {
	case !ok:
		return nil
	case refused.Reason == "":
		return unavailable("The log does not accept changes right now. Nothing was changed. Try again.")
	default:
		return unavailable("The log refused the change: %s. Nothing was changed. "+
			"Before you try again, an operator must correct the log.", refused.Reason)
	}
}

// settle waits until the head has reached the version of a draft. Before that, neither success nor
// refusal may be reported, because the record may still arrive. If the version is the draft's, the
// dashboard is what the record makes of the facts that it was decided on, as for every reader of the
// log.
func (d *Dashboards) settle(
	ctx context.Context, c change, facts domain.DashboardFacts, draft domain.Draft, folded <-chan struct{},
) (r Result, settled bool, err error) {
	s, err := d.awaitHead(ctx, c.ParentAccount, draft.Envelope.Chain.Version, folded)
	switch {
	case err != nil || s.CommandID == "":
		return r, false, c.open()
	case s.CommandID != c.commandID:
		return r, false, nil
	}
	r.Dashboard, err = facts.After(draft, c.need.Primary)
	return r, err == nil, err
}

// AwaitHead waits until the head of an agency's stream has reached a version, and returns which
// record has the version. The error is that of ctx.
func (d *Dashboards) AwaitHead(ctx context.Context, parent string, version int64) (domain.Settlement, error) {
	return d.awaitHead(ctx, parent, version, closed)
}

// awaitHead first looks when folded is closed.
func (d *Dashboards) awaitHead(
	ctx context.Context, parent string, version int64, folded <-chan struct{},
) (s domain.Settlement, err error) {
	err = await(ctx, folded, d.moved(parent), func(ctx context.Context) (bool, error) {
		var failed error
		if s, failed = d.Store.Settle(ctx, parent, version); failed != nil && ctx.Err() == nil {
			d.Logger.WarnContext(ctx, "read command outcome",
				"parent_account", parent, "version", version, "error", failed)
		}
		return failed == nil && s.Passed, nil
	})
	return s, err
}

// open returns the error for an unknown outcome.
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

// cause returns the innermost error that adds detail to a sentinel, such as the size and the limit.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || errors.Unwrap(inner) == nil {
			return err.Error()
		}
		err = inner
	}
}

// Caller identifies who requests a change, and the request. It becomes the audit part of the
// record.
type Caller struct {
	ParentAccount string // the agency whose stream is changed, 24 hex digits
	UserID        string // from the verified token; part of the scope of idempotency keys
	Role          string // the role that allowed the request
	OnBehalfOf    string // "" unless the caller acts for someone else
	RequestID     string
	TraceParent   string // W3C trace context, or ""
	Local         domain.LocalOperator
}

func (c Caller) sign(e *domain.Envelope) {
	e.Audit = domain.Audit{Actor: c.UserID, Role: c.Role, OnBehalfOf: c.OnBehalfOf, RequestID: c.RequestID}
	e.TraceParent = c.TraceParent
}

// NewDraft returns the draft of an event outside any chain, with a new event id.
func NewDraft(topic, key string, data domain.Data, now time.Time) domain.Draft {
	d := newDraft(topic, key, data.EventType(), now)
	d.Data = data
	return d
}

func newDraft(topic, key, eventType string, now time.Time) domain.Draft {
	return domain.Draft{Topic: topic, Key: key, Envelope: domain.Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Type: eventType, Subject: key, Time: now.UTC().Truncate(time.Microsecond),
	}}
}

// nextDraft returns the draft of the next event in an agency's chain. Its time is later than its
// predecessor's, so that "as of T" is a prefix of the stream, whatever the writers' clocks say.
func nextDraft(parent, subAccount string, event domain.Data, head domain.StreamHead, now time.Time) domain.Draft {
	d := NewDraft(domain.TopicDashboards, parent, event, now)
	d.Envelope.Subject = subAccount
	d.Envelope.Chain = &domain.ChainLink{Version: head.Version + 1, Prev: head.Hash}
	if earliest := head.Time.Add(time.Microsecond); head.Version > 0 && d.Envelope.Time.Before(earliest) {
		d.Envelope.Time = earliest
	}
	return d
}

// EraseDraft returns the draft of an entity's tombstone.
func EraseDraft(kind, id string, now time.Time) domain.Draft {
	return newDraft(domain.TopicDirectory, domain.DirectoryKey(kind, id), "directory."+kind+".v1", now)
}

// ContentDraft returns the draft of a post's content from one origin. at becomes the ce_time.
func ContentDraft(content domain.PostContent, at time.Time) domain.Draft {
	return NewDraft(domain.TopicContents, content.Key(), content, at)
}

// EraseContentDraft returns the draft of the tombstone of a post's content with a key.
func EraseContentDraft(key string, at time.Time) domain.Draft {
	return newDraft(domain.TopicContents, key, domain.PostContent{}.EventType(), at)
}

// EntityDraft returns the draft of an entity's whole latest state.
func EntityDraft(entity domain.DirectoryEntity, now time.Time) domain.Draft {
	return NewDraft(domain.TopicDirectory, domain.EntityKey(entity), entity, now)
}

// MaxSkew is how far ahead of the clock a capture time may be.
const MaxSkew = time.Minute
