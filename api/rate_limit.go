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

// RateLimit limits the requests of a caller per window. Each process counts separately.
type RateLimit struct {
	// Requests is the limit; 0 means no limit.
	Requests int           `name:"rate-limit" env:"LEDGERBOARD_RATE_LIMIT" default:"6000" help:"Maximum number of requests per user per minute, counted by each process; 0: no limit."`
	Window   time.Duration `kong:"-"` // default one minute
}

// maxCallers limits the memory for counting. Beyond it, all counts are reset: a count that is
// temporarily too low is better than running out of memory.
const maxCallers = 100_000

// rateLimits counts the requests of each caller in windows that start with the caller's first
// request, so that the headers are exact.
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

// take counts a request of a caller and sets the response headers of
// draft-ietf-httpapi-ratelimit-headers-10. Beyond the limit, it returns a rate_limited error.
func (r *rateLimits) take(header http.Header, p Principal) error {
	if r.limit.Requests == 0 {
		return nil
	}
	used, ends := r.count(p.UserID + "/" + p.AccountID)
	seconds, window := int(math.Ceil(ends.Seconds())), int(math.Ceil(r.limit.Window.Seconds()))
	header.Set(headerRatePolicy, fmt.Sprintf(`"user";q=%d;w=%d`, r.limit.Requests, window))
	header.Set(headerRateLimit, fmt.Sprintf(`"user";r=%d;t=%d`, max(0, r.limit.Requests-used), seconds))
	if used <= r.limit.Requests {
		return nil
	}
	e := domain.NewError(domain.CodeRateLimited,
		"You have made more than %d requests in %d seconds. Wait %d seconds, then send requests more slowly.",
		r.limit.Requests, window, seconds)
	e.RetryAfter = seconds
	return e
}

// count returns the number of the caller's requests in the current window, including this one, and
// the time until the window ends.
func (r *rateLimits) count(caller string) (used int, ends time.Duration) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	w, known := r.callers[caller]
	if !known && len(r.callers) >= maxCallers {
		clear(r.callers)
	}
	if !now.Before(w.ends) {
		w = window{ends: now.Add(r.limit.Window)}
	}
	if w.used <= r.limit.Requests { // of the refused requests, only the first is counted
		w.used++
	}
	r.callers[caller] = w
	return w.used, w.ends.Sub(now)
}
