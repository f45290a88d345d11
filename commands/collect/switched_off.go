package collect

import (
	"context"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// askAgain is how long no call is made for an app that the platform has switched off. After that, a
// single reading finds out whether the app works again.
const askAgain = time.Hour

// switchedOff notes which of our apps the platforms have switched off, because one call shows that
// for all accounts of an app.
type switchedOff struct {
	mu    sync.Mutex
	until map[app]time.Time // when the next call may be made
}

// app is one of our apps at a platform.
type app struct {
	platform domain.Platform
	ownLogin bool // Instagram login; other Instagram accounts are read with the app of Facebook
}

func appOf(f *fetch, ownLogin bool) app {
	if f.Platform == domain.Instagram && !ownLogin {
		return app{domain.Facebook, false}
	}
	return app{f.Platform, ownLogin}
}

func (a app) String() string {
	if a.ownLogin {
		return a.platform.String() + " login"
	}
	return a.platform.String()
}

// unlessSwitchedOff reads an account unless its app is switched off, and notes what the reading shows
// about the app. For an app that was switched off, only one reading at a time is made.
func (c *parts) unlessSwitchedOff(
	ctx context.Context, f *fetch, ownLogin bool, read func() (fetched, error),
) (fetched, error) {
	a := appOf(f, ownLogin)
	c.metrics.switchedOff.WithLabelValues(a.String()) // 0 from the first reading, so that an alert has a series
	off, wait := c.apps.wait(a, c.clock())
	if wait > 0 {
		return fetched{}, &platforms.Error{
			Reason: domain.StatusAppBlocked, About: platforms.AboutApp,
			Platform: f.Platform, Op: f.queue.Kind, RetryAfter: wait,
			Message: "the platform has switched off the app; no call was made",
		}
	}
	result, err := read()
	switch blocked := platforms.StatusCodeOf(err) == domain.StatusAppBlocked; {
	case blocked:
		c.apps.set(a, c.clock().Add(askAgain))
		c.metrics.switchedOff.WithLabelValues(a.String()).Set(1)
		if !off {
			c.Logger.ErrorContext(ctx, "the platform has switched off our app: no account of the app is read",
				"app", a.String(), "error", err, "remedy", domain.StatusTextOf(domain.StatusAppBlocked).Operator)
		}
	case off && err == nil:
		c.apps.set(a, time.Time{})
		c.metrics.switchedOff.WithLabelValues(a.String()).Set(0)
	}
	return result, err
}

// wait returns how long no call may be made for an app, and whether it was switched off. If a call may
// be made, other readings wait for its result.
func (s *switchedOff) wait(a app, now time.Time) (off bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, off := s.until[a]
	if off && now.Before(until) {
		return true, until.Sub(now)
	}
	if off {
		s.until[a] = now.Add(showTime)
	}
	return off, 0
}

// set sets when the next call may be made; zero: the app works.
func (s *switchedOff) set(a app, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.IsZero() {
		delete(s.until, a)
	} else {
		s.until[a] = until
	}
}
