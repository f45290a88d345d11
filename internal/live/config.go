package live

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
	Every      time.Duration // 1 s: the shortest time between two events of a stream
	KeepAlive  time.Duration // 15 s: comments that keep connections alive
	Recheck    time.Duration // 60 s: how often an idle listener's access is looked at
	Query      time.Duration // 5 s: the longest that such a look may take
	MaxPerUser int           // 64: streams of one user
	Retain     int           // 600: steps that a stream may be behind and still be told exactly what it missed

	Logger *slog.Logger
	Now    func() time.Time // by which tokens expire
}

func (c Config) withDefaults() Config {
	c.Every = cmp.Or(c.Every, time.Second)
	c.KeepAlive = cmp.Or(c.KeepAlive, 15*time.Second)
	c.Recheck = cmp.Or(c.Recheck, time.Minute)
	c.Query = cmp.Or(c.Query, 5*time.Second)
	c.MaxPerUser = cmp.Or(c.MaxPerUser, 64)
	c.Retain = cmp.Or(c.Retain, 600)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	if c.Every < 0 || c.KeepAlive < 0 || c.Recheck < 0 || c.Query < 0 || c.MaxPerUser < 0 || c.Retain < 0 {
		return errors.New("live: no setting may be negative")
	}
	return nil
}

// Listener is a verified caller.
type Listener struct {
	ParentAccount string
	UserID        string
	ExpiresAt     time.Time // its stream is cut then; zero: never

	// Accounts are those whose figures it may see now: sub-accounts by id, nil for all of the agency. An
	// error of which [domain.AccessRefused] is true cuts the stream, any other is taken for a passing fault.
	Accounts func(context.Context) ([]string, error)
}

// Why a stream ends.
var (
	ErrExpired    = domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again and reconnect.")
	ErrAccessLost = domain.NewError(domain.CodeForbidden, "This listener has lost its access.")
	ErrClosed     = domain.NewError(domain.CodeUnavailable, "The server is stopping. Reconnect to go on.")
)

var errTooMany = domain.NewError(domain.CodeRateLimited, "Too many live streams are open for this user. Close some first.")
