package commands

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// DashboardStore is what the read side offers to commands.
type DashboardStore interface {
	// Load reads everything in one transaction.
	Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error)
	// Settle looks whether the head has passed a version, and whose record it was.
	Settle(ctx context.Context, parent string, version int64) (domain.Settlement, error)
	// Document returns a dashboard as of a version of the stream.
	Document(ctx context.Context, parent, subAccount string, version int64) (domain.Dashboard, error)
	// Moved returns a channel that is closed when the agency's part of the tables has moved, and maybe
	// when another's has; take it before looking.
	Moved(parent string) <-chan struct{}
}

// LogEnds tells where the log ends.
type LogEnds interface {
	// PartitionOf is the partition of an agency's stream.
	PartitionOf(parent string) int32
	// EndOf is the offset behind the last record of a partition, as the brokers tell it now.
	EndOf(ctx context.Context, partition int32) (int64, error)
}

// Appender appends one record. Its errors tell by errors.Is whether the outcome is open.
type Appender interface {
	Append(ctx context.Context, d domain.Draft) error
}

// DashboardsConfig holds the parts and limits of [Dashboards]; zero limits take their defaults.
type DashboardsConfig struct {
	Store DashboardStore
	Log   Appender
	// Ends bounds what an answer may rest on that makes no record; nil: stored state is believed.
	Ends LogEnds
	// Refused tells whether an append's error means that definitely nothing was appended, and TooLarge
	// whether the record was too large.
	Refused, TooLarge func(error) bool
	// Fits tells, of a record that is not appended, how Log would refuse it; nil: it is not asked.
	Fits func(domain.Draft) error
	// Gate refuses commands while the projection lags beyond its bound; nil: never.
	Gate   func() error
	Now    func() time.Time
	Logger *slog.Logger

	Deadline time.Duration // for the whole command; default 10 s
	Attempts int           // lost races before 409; default 10
}

// Dashboards decides and records changes of dashboards: load, decide, append, wait.
type Dashboards struct {
	DashboardsConfig
	locks *KeyedLock
}

// Defaults of DashboardsConfig, and how long a waiter trusts that it will be woken.
const (
	defaultDeadline = 10 * time.Second
	defaultAttempts = 10
	lookAgain       = 100 * time.Millisecond
	// retryAfter is in seconds: what a caller with an open outcome is told to wait.
	retryAfter = 2
)

// NewDashboards checks the configuration and returns the use cases.
func NewDashboards(c DashboardsConfig) (*Dashboards, error) {
	if c.Store == nil || c.Log == nil || c.Refused == nil || c.TooLarge == nil || c.Now == nil || c.Logger == nil {
		return nil, errors.New("commands.NewDashboards needs Store, Log, Refused, TooLarge, Now and Logger")
	}
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	if c.Attempts <= 0 {
		c.Attempts = defaultAttempts
	}
	if c.Gate == nil {
		c.Gate = func() error { return nil }
	}
	return &Dashboards{DashboardsConfig: c, locks: NewKeyedLock()}, nil
}

// Result is a dashboard after a command.
type Result struct {
	Dashboard domain.Dashboard
	Replayed  bool // answered from an earlier request with the same idempotency key
}

// change is one command on its way.
type change struct {
	Caller
	need      domain.FactsNeed
	key       string // the caller's Idempotency-Key, or ""
	digest    string
	commandID string
	decide    func(domain.FactsView) (domain.Data, error) // nil, nil: nothing need be recorded
	preview   bool                                        // no record follows
}

// run carries a change through load, decide, append and wait, from the load again after a lost race.
func (d *Dashboards) run(ctx context.Context, c change) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.Gate(); err != nil {
		return Result{}, err
	}
	unlock, err := d.locks.Lock(ctx, c.ParentAccount)
	if err != nil {
		return Result{}, unavailable("Too many changes of this agency are waiting. Nothing was changed; try again.")
	}
	defer unlock()
	c = d.begin(c)
	for range d.Attempts {
		result, settled, err := d.attempt(ctx, c)
		if err != nil || settled {
			return result, err
		}
	}
	return Result{}, domain.NewError(domain.CodeConflict,
		"The dashboard is being changed by many at once. Nothing was changed; read it again and repeat your change.")
}

// begin names the command, and the partition that it is about.
func (d *Dashboards) begin(c change) change {
	c.commandID = uuid.Must(uuid.NewV7()).String()
	if d.Ends != nil {
		c.need.Partition = d.Ends.PartitionOf(c.ParentAccount)
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

// replay answers a repeated request with the document as of the version that the first one made.
func (d *Dashboards) replay(ctx context.Context, c change, earlier domain.EarlierCommand) (Result, error) {
	if earlier.RequestDigest != c.digest {
		return Result{}, domain.NewError(domain.CodeUnprocessable,
			"This Idempotency-Key was used for another request. Use a new key for a new request.").
			WithField("Idempotency-Key", "was used with another method, path or body")
	}
	document, err := d.Store.Document(ctx, c.ParentAccount, earlier.SubAccount, earlier.Version)
	if err != nil {
		return Result{}, fmt.Errorf("read document of earlier command: %w", err)
	}
	return Result{Dashboard: document, Replayed: true}, nil
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

// name is the key that a repetition is known by.
func (c change) name() string { return cmp.Or(c.key, c.commandID) }

// keyDigest is what the log and the tables hold in the place of an idempotency key: callers write there what they like, and the log
// forgets nothing. It is the hex SHA-256 of agency, subject and key, each behind its length in bytes (8 of them, big-endian), so that
// one key of two callers is no link between them. Whoever guesses a key can still confirm it. "" stays "".
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
