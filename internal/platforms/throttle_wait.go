package platforms

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// proxyWait is how long a 429 asks to wait that is not LinkedIn's own: it does not speak of the day's quota.
const proxyWait = 5 * time.Minute

// At LinkedIn the day before may go on for so long after midnight by our clock: its clock is another one, and answers take their time.
const (
	dayBegins   = time.Hour
	dayBeginsAt = 10 * time.Minute // after which to ask again meanwhile
)

// How long a platform that throttles is left alone.
const (
	defaultMetaWait   = 15 * time.Minute // what clients wait when no header says more
	defaultTikTokWait = time.Minute      // the window is a sliding minute
	maxWait           = 24 * time.Hour   // no quota is longer than a day
)

// RetryAfter is how long the first [Error] in err's chain asks to wait; 0 when it does not say.
func RetryAfter(err error) time.Duration {
	if e := asError(err); e != nil {
		return e.RetryAfter
	}
	return 0
}

// metaWait is how long a throttled caller must wait: the longest time that a header names, else the
// customary quarter of an hour.
func metaWait(_ time.Duration, h http.Header) time.Duration {
	wait := retryAfter(h)
	for _, u := range metaUsage(h) {
		wait = max(wait, u.Regain)
	}
	if wait == 0 {
		return defaultMetaWait
	}
	return min(wait, maxWait)
}

// retryAfter reads the standard header in seconds; 0 without one.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseInt(strings.TrimSpace(h.Get("Retry-After")), 10, 64)
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, int64(maxWait/time.Second))) * time.Second
}

func minutes(c count) time.Duration {
	return time.Duration(max(0, min(c.n, int64(maxWait/time.Minute)))) * time.Minute
}

// tikTokWait is how long a throttled caller waits: a sliding minute, unless a header says more.
func tikTokWait(_ time.Duration, h http.Header) time.Duration {
	return max(retryAfter(h), defaultTikTokWait)
}

// untilReset is how long a throttled caller waits: quotas are daily, reset at midnight UTC, and no header says so. A refusal that comes soon
// after midnight may still be of the day before: to wait for the next midnight would cost this day, and each one after it.
func (l *linkedIn) untilReset(said time.Duration, h http.Header) time.Duration {
	const day = 24 * time.Hour
	if wait := cmp.Or(said, retryAfter(h)); wait > 0 {
		return wait
	}
	now := l.now()
	if gone := now.Sub(now.UTC().Truncate(day)); gone >= dayBegins {
		return day - gone
	}
	return dayBeginsAt
}
