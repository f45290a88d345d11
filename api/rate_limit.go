package api

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// RateLimit is how many requests a caller may make in a time. Each process counts by itself.
type RateLimit struct {
	Requests int           // 0: no bound
	Window   time.Duration // default one minute
}

// maxCallers bounds the memory that counting takes. Beyond it, all are forgotten: a count too low for a while is better
// than a process without memory.
const maxCallers = 100_000

// rateLimits counts the requests of each caller in windows that begin with a caller's first request, so
// that what the headers say is exact.
type rateLimits struct {
	limit RateLimit
	now   func() time.Time

	mu      sync.Mutex
	callers map[string]window
}

type window struct {
	ends time.Time
	used int
}

func newRateLimits(limit RateLimit, now func() time.Time) *rateLimits {
	limit.Window = cmp.Or(limit.Window, time.Minute)
	return &rateLimits{limit: limit, now: now, callers: map[string]window{}}
}

// take counts a request of a caller and says in the answer's headers what is left, as
// draft-ietf-httpapi-ratelimit-headers-10 has it. Beyond the limit it returns a rate_limited error.
func (l *rateLimits) take(header http.Header, p Principal) error {
	if l.limit.Requests == 0 {
		return nil
	}
	used, ends := l.count(p.UserID + "/" + p.AccountID)
	seconds, window := int(math.Ceil(ends.Seconds())), int(math.Ceil(l.limit.Window.Seconds()))
	header.Set(headerRatePolicy, fmt.Sprintf(`"user";q=%d;w=%d`, l.limit.Requests, window))
	header.Set(headerRateLimit, fmt.Sprintf(`"user";r=%d;t=%d`, max(0, l.limit.Requests-used), seconds))
	if used <= l.limit.Requests {
		return nil
	}
	e := domain.NewError(domain.CodeRateLimited, "You have made %d requests within %d seconds. Wait %d seconds and go on more slowly.",
		l.limit.Requests, window, seconds)
	e.RetryAfter = seconds
	return e
}

// count returns the caller's requests in its window, this one included, and how long the window lasts.
func (l *rateLimits) count(caller string) (used int, ends time.Duration) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	w, known := l.callers[caller]
	if !known && len(l.callers) >= maxCallers {
		clear(l.callers)
	}
	if !now.Before(w.ends) {
		w = window{ends: now.Add(l.limit.Window)}
	}
	if w.used <= l.limit.Requests { // what is refused is not counted up for ever
		w.used++
	}
	l.callers[caller] = w
	return w.used, w.ends.Sub(now)
}
