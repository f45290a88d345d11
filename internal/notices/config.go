package notices

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Config configures a [Hub]; the zero value takes every default.
type Config struct {
	Retention  time.Duration // 7 days of event time: older notices are not sent
	Sweep      time.Duration // 2 s: how often everything is looked at, hint or no hint
	Buffer     int           // 16: notices that wait for one connection; the rest waits in the store
	SlowAfter  time.Duration // 30 s: a connection that takes nothing for so long is dropped
	KeepAlive  time.Duration // 15 s: SSE comments
	Recheck    time.Duration // 60 s: how often Allowed is asked about a connection
	Query      time.Duration // 5 s: the longest a look at the store may take
	MaxPerUser int           // 64: connections of one user

	// Allowed is asked at intervals; an error of which [domain.AccessRefused] is true cuts the
	// listener's connections, any other is taken for a passing fault. Nil: never asked.
	Allowed func(context.Context, Subscriber) error
	// Ready says whether the read model has caught up with the log. Until it has, nothing is swept, no head
	// is taken and Allowed is not asked: a head in the middle of a rebuild would make old notices look
	// new, and nobody would be found. Nil: always.
	Ready func() bool

	Logger *slog.Logger
	Now    func() time.Time
}

func (c Config) withDefaults() Config {
	c.Retention = cmp.Or(c.Retention, 7*24*time.Hour)
	c.Sweep = cmp.Or(c.Sweep, 2*time.Second)
	c.Buffer = cmp.Or(c.Buffer, 16)
	c.SlowAfter = cmp.Or(c.SlowAfter, 30*time.Second)
	c.KeepAlive = cmp.Or(c.KeepAlive, 15*time.Second)
	c.Recheck = cmp.Or(c.Recheck, time.Minute)
	c.Query = cmp.Or(c.Query, 5*time.Second)
	c.MaxPerUser = cmp.Or(c.MaxPerUser, 64)
	if c.Ready == nil {
		c.Ready = func() bool { return true }
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	if c.Retention < 0 || c.Sweep < 0 || c.Buffer < 0 || c.SlowAfter < 0 || c.KeepAlive < 0 ||
		c.Recheck < 0 || c.Query < 0 || c.MaxPerUser < 0 {
		return errors.New("notices: no setting may be negative")
	}
	return nil
}

// Why a connection ended; see [Subscription.Reason].
var (
	ErrExpired    = domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again and reconnect.")
	ErrAccessLost = domain.NewError(domain.CodeForbidden, "This listener has lost its access.")
	ErrSlow       = domain.NewError(domain.CodeRateLimited, "The connection took too little for too long. Reconnect to go on.")
	ErrClosed     = domain.NewError(domain.CodeUnavailable, "The server is stopping. Reconnect to go on.")
)

var errTooMany = domain.NewError(domain.CodeRateLimited, "Too many connections listen for this user. Close some first.")

var errNotReady = &domain.Error{
	Code: domain.CodeUnavailable, RetryAfter: 2,
	Message: "Notices are not ready yet: the read model is being built. Try again shortly.",
}

// ErrCursor refuses a cursor that is malformed or of another agency.
var ErrCursor = domain.NewError(domain.CodeInvalid,
	"The last event id is not one of your stream. Leave it out to begin with what comes next.").
	WithField("Last-Event-ID", "must be an id that this stream has sent")
