package commands

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// UpdateDashboard is a PUT of a dashboard: links, unlinks, users and settings in one change.
type UpdateDashboard struct {
	Caller
	Change         domain.UpdateDashboard
	IdempotencyKey string // "" if not set
	RequestDigest  string // of method, path and canonical body
}

// Update decides and records a change, and returns when reads show it. Errors are [domain.Error]s:
// those of [domain.DecideUpdate]; conflict after too many lost races; unavailable if nothing was
// changed, or with a CommandID if the outcome is open.
func (d *Dashboards) Update(ctx context.Context, u UpdateDashboard) (Result, error) {
	return d.run(ctx, u.change())
}

func (u UpdateDashboard) change() change {
	need := domain.FactsNeed{
		ParentAccount: u.ParentAccount, Primary: u.Change.Primary,
		Subject: u.UserID, IdempotencyKey: keyDigest(u.Caller, u.IdempotencyKey),
	}
	if u.Change.SubAccountIDs != nil {
		need.Accounts = *u.Change.SubAccountIDs
	}
	if u.Change.Users != nil {
		need.Users = *u.Change.Users
	}
	return change{
		Caller: u.Caller, need: need, key: u.IdempotencyKey, digest: u.RequestDigest,
		decide: func(view domain.FactsView) (domain.Data, error) {
			return domain.DecideUpdate(view.Facts, u.Change)
		},
	}
}

// OpenDashboard is an agency's GET of a dashboard, which creates a missing one.
type OpenDashboard struct {
	Caller
	SubAccount string
}

// Open creates the dashboard with its defaults if it does not exist, and returns when reads show
// it. If several calls run at the same time, only one creates it. Errors are those of
// [Dashboards.Update].
func (d *Dashboards) Open(ctx context.Context, o OpenDashboard) (Result, error) {
	return d.run(ctx, change{
		Caller: o.Caller,
		need:   domain.FactsNeed{ParentAccount: o.ParentAccount, Primary: o.SubAccount},
		decide: func(view domain.FactsView) (domain.Data, error) {
			return domain.OpenDashboard(view.Facts, o.SubAccount)
		},
	})
}

// Preview decides a change like [Dashboards.Update], with the same code and the same facts, but
// appends nothing. Errors are those of Update, except those about an appended record.
func (d *Dashboards) Preview(ctx context.Context, u UpdateDashboard) (domain.DashboardPreview, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.Gate(); err != nil {
		return domain.DashboardPreview{}, err
	}
	c := d.begin(u.change())
	c.preview = true
	view, data, err := d.consider(ctx, c)
	if err != nil {
		return domain.DashboardPreview{}, err
	}
	event, _ := data.(domain.DashboardEvent)
	if event != nil {
		if err := d.appendError(ctx, c, d.Fits(d.draft(c, event, view.Head))); err != nil {
			return domain.DashboardPreview{}, err
		}
	}
	return domain.PreviewOf(view, c.need.Primary, event)
}

// replay returns the result of an earlier request with the same key.
func (d *Dashboards) replay(ctx context.Context, c change, earlier domain.EarlierCommand) (r Result, err error) {
	if earlier.RequestDigest != c.digest {
		return r, domain.NewError(domain.CodeUnprocessable,
			"This Idempotency-Key was used for another request. Use a new key for a new request.").
			WithField("Idempotency-Key", "was used with another method, path or body")
	}
	r.Replayed = true
	err = await(ctx, closed, d.moved(c.ParentAccount), func(ctx context.Context) (bool, error) {
		var failed error
		r.Dashboard, failed = d.Store.Document(ctx, c.ParentAccount, earlier.SubAccount, earlier.Version)
		if failed != nil {
			d.Logger.WarnContext(ctx, "read dashboard after a change", "parent_account", c.ParentAccount, "error", failed)
		}
		return failed == nil, nil
	})
	if err != nil {
		e := unavailable("Your change was recorded as version %d, but the dashboard cannot be read right now. "+
			"Do not repeat the change; read the dashboard again.", earlier.Version)
		e.CommandID = c.name()
		return r, e
	}
	return r, nil
}

// name returns the key under which a repetition is recognized.
func (c change) name() string { return cmp.Or(c.key, c.commandID) }

// keyDigest returns the form in which the log and the tables hold an idempotency key, because they
// hold no text from callers: the hex SHA-256 of agency, subject and key, each preceded by its
// length in 8 bytes, big-endian. The digest of "" is "".
func keyDigest(c Caller, key string) string {
	if key == "" {
		return ""
	}
	var text []byte
	for _, part := range []string{c.ParentAccount, c.UserID, key} {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// restWithin bounds how long a command that appends nothing waits for the tables to catch up with
// the log.
const restWithin = 3 * time.Second

// consider loads the facts and decides. It returns the event to record, or nil.
//
// If there is an event to record, the chain decides whether it is effective. Any other result
// (nothing to change, a refusal, an earlier command, a preview) depends on stored state alone, so
// consider waits until the tables have folded the agency's partition up to the end that the log had
// after the request arrived. Otherwise, tables that were restored from a backup could confirm a
// change that the log contradicts.
func (d *Dashboards) consider(ctx context.Context, c change) (view domain.FactsView, event domain.Data, err error) {
	waiting, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	var refusal error
	end := int64(-1)
	err = await(waiting, closed, d.moved(c.ParentAccount), func(context.Context) (done bool, err error) {
		if view, err = d.load(ctx, c); err != nil {
			return false, err
		}
		if event, refusal = nil, nil; view.Earlier == nil {
			event, refusal = c.decide(view)
		}
		if event != nil && refusal == nil && !c.preview {
			return true, nil
		}
		if end < 0 {
			if end, err = d.EndOf(ctx, c.need.Partition); err != nil {
				d.Logger.WarnContext(ctx, "read log end", "command_id", c.commandID, "error", err)
				return false, unavailable("The log does not respond, so the stored state cannot be confirmed. " +
					"Nothing was changed. Try again.")
			}
		}
		return view.Folded >= end, nil
	})
	switch {
	case err == nil:
		return view, event, refusal
	case errors.Is(err, waiting.Err()):
		err = unavailable("The read model is behind the log. Nothing was changed. Try again.")
	}
	return view, nil, err
}

// load reads the facts of the agency. It returns an error if its stream accepts no commands.
func (d *Dashboards) load(ctx context.Context, c change) (domain.FactsView, error) {
	view, err := d.Store.Load(ctx, c.need)
	switch {
	case err != nil && ctx.Err() != nil:
		return view, unavailable("The change took too long. Nothing was changed. Try again.")
	case err != nil:
		return view, fmt.Errorf("load dashboards: %w", err)
	case view.Refusal != "":
		return view, unavailable(
			"Changes to this agency are not accepted right now: %s. Nothing was changed. Try again later.", view.Refusal)
	}
	return view, nil
}

// shownWithin bounds how long [AwaitTables] waits.
const shownWithin = 5 * time.Second

// AwaitTables waits a limited time until look reports that the tables show appended records. It
// stops at the first error of look. moved returns a channel that is closed when the tables change.
func AwaitTables(ctx context.Context, moved func() <-chan struct{}, look func(ctx context.Context) (bool, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	return await(ctx, closed, moved, look) == nil
}

// pollInterval is how long a command waits for the tables to change before it looks again.
const pollInterval = 100 * time.Millisecond

// closed is for waits that look at once.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// await calls look once next is closed, and again each time the tables have changed, or a while has
// passed, until look is done or returns an error. When ctx is done, await returns its error.
func await(
	ctx context.Context, next <-chan struct{}, moved func() <-chan struct{},
	look func(context.Context) (done bool, err error),
) error {
	for {
		select {
		case <-next:
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
		next = moved() // before the look, which may miss a later change
		if done, err := look(ctx); done || err != nil {
			return err
		}
	}
}

func (d *Dashboards) moved(parent string) func() <-chan struct{} {
	return func() <-chan struct{} { return d.Store.Moved(parent) }
}
