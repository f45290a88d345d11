package collect

import (
	"context"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// askAgain is how long no call is made for an app that the platform has switched off, or whose
// version of the API it refuses. After that, a single reading finds out whether the app works again.
const askAgain = time.Hour

// switchedOff notes which of our apps the platforms do not answer, because one call shows that for
// all accounts of an app.
type switchedOff struct {
	mu   sync.Mutex
	apps map[app]outage
}

type outage struct {
	code  domain.StatusCode // app_blocked or version; "" if the app works
	until time.Time         // when the next call may be made
}

// outageOf returns the code of an error that applies to all accounts of an app, otherwise "".
func outageOf(err error) domain.StatusCode {
	code := platforms.StatusCodeOf(err)
	if code == domain.StatusAppBlocked || code == domain.StatusVersion && platforms.AboutOf(err) == platforms.AboutPlatform {
		return code
	}
	return ""
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

// unlessSwitchedOff reads an account unless the platform does not answer its app, and notes what the
// reading shows about the app. For an app that was not answered, only one reading at a time is made.
func (p *parts) unlessSwitchedOff(
	ctx context.Context, f *fetch, ownLogin bool, read func() (fetched, error),
) (fetched, error) {
	a := appOf(f, ownLogin)
	off, wait := p.apps.wait(a, p.clock())
	p.showOutage(a, off) // 0 from the first reading, so that an alert has a series
	if wait > 0 {
		return fetched{}, &platforms.Error{
			Reason: off, About: platforms.AboutPlatform, Platform: f.Platform, Op: f.queue.Kind, RetryAfter: wait,
			Message: "the platform does not answer the app; no call was made",
		}
	}
	result, err := read()
	switch code := outageOf(err); {
	case code != "":
		p.apps.set(a, outage{code, p.clock().Add(askAgain)})
		p.showOutage(a, code)
		if code != off {
			text := domain.StatusTextOf(code)
			p.Logger.ErrorContext(ctx, "no account of the app is read: "+text.Says,
				"app", a.String(), "error", err, "remedy", text.Operator)
		}
	case off != "" && err == nil:
		p.apps.set(a, outage{})
		p.showOutage(a, "")
	}
	return result, err
}

func (p *parts) showOutage(a app, code domain.StatusCode) {
	for _, reason := range []domain.StatusCode{domain.StatusAppBlocked, domain.StatusVersion} {
		value := 0.0
		if reason == code {
			value = 1
		}
		p.metrics.outages.WithLabelValues(a.String(), string(reason)).Set(value)
	}
}

// wait returns how long no call may be made for an app, and why the platform does not answer it. If a
// call may be made, other readings wait for its result.
func (s *switchedOff) wait(a app, now time.Time) (code domain.StatusCode, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	off := s.apps[a]
	if off.code != "" && now.Before(off.until) {
		return off.code, off.until.Sub(now)
	}
	if off.code != "" {
		s.apps[a] = outage{off.code, now.Add(showTime)}
	}
	return off.code, 0
}

func (s *switchedOff) set(a app, now outage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a] = now
}
