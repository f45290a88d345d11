package live

import (
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
	fill(&c.Every, time.Second)
	fill(&c.KeepAlive, 15*time.Second)
	fill(&c.Recheck, time.Minute)
	fill(&c.Query, 5*time.Second)
	fill(&c.MaxPerUser, 64)
	fill(&c.Retain, 600)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func fill[T comparable](setting *T, value T) {
	var zero T
	if *setting == zero {
		*setting = value
	}
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
	// error with the code unauthenticated, forbidden or not_found cuts the stream, any other is taken for
	// a passing fault.
	Accounts func(context.Context) ([]string, error)
}

// Why a stream ends.
var (
	ErrExpired    = domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again and reconnect.")
	ErrAccessLost = domain.NewError(domain.CodeForbidden, "This listener has lost its access.")
	ErrClosed     = domain.NewError(domain.CodeUnavailable, "The server is stopping. Reconnect to go on.")
)

var errTooMany = domain.NewError(domain.CodeRateLimited, "Too many live streams are open for this user. Close some first.")
