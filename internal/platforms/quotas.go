package platforms

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// CallStats describes one call for [Config.Observe]. It contains no token.
type CallStats struct {
	Platform   domain.Platform
	Op         string // "page", "page_insights", "video_list", …
	Account    string // external ID of the account, or [Target.CountedBy] on LinkedIn
	At         time.Time
	Duration   time.Duration // wall-clock time, independent of Config.Now
	Status     int           // HTTP status; 0 without an answer
	Bytes      int
	Requests   int               // number of calls against quotas: the requests of a batch, otherwise 1
	Reason     domain.StatusCode // "" on success
	Code       string
	RetryAfter time.Duration
	Scope      domain.QuotaScope // the exhausted quota; throttled calls only
	Usage      []Usage           // nil: the platform reported no usage
}

// scope returns the quota that a throttled call exhausted. TikTok has a quota per endpoint.
// LinkedIn reports whether the quota is the app's or the member's, and whether it is for one
// resource. Meta's code 4 is for the app's quota; its other codes are for quotas of the page,
// account or person.
func (e *Error) scope() domain.QuotaScope {
	switch {
	case e.Kind() != domain.StatusThrottled:
		return ""
	case e.Platform == domain.TikTok:
		return domain.QuotaPerOperation
	case e.Platform == domain.LinkedIn && memberQuota.in(e.PlatformMessage):
		return domain.QuotaPerAccount
	case e.Platform == domain.LinkedIn && resourceQuota.in(e.PlatformMessage):
		return domain.QuotaPerOperation
	case e.Platform == domain.LinkedIn, e.Code == "4":
		return domain.QuotaPerApp
	default:
		return domain.QuotaPerAccount
	}
}

// Usage is one quota as reported by the platform.
type Usage struct {
	Scope   string // "app" or "business"
	ID      string // page or Instagram account; business only
	Type    string // "pages", "instagram", …; business only
	Percent int    // the highest of calls, time and CPU time
	Regain  time.Duration
}

const maxUsageHeader = 32 << 10

type usageNumbers struct {
	Type         text  `json:"type"`
	CallCount    count `json:"call_count"`
	TotalTime    count `json:"total_time"`
	TotalCPUTime count `json:"total_cputime"`
	Regain       count `json:"estimated_time_to_regain_access"` // minutes

	CallVolume count `json:"call_volume"` // graph.instagram.com's name for call_count
	CPUTime    count `json:"cpu_time"`    // graph.instagram.com's name for total_cputime
}

func (u usageNumbers) usage(scope, id string) Usage {
	fullest := max(u.CallCount.n, u.CallVolume.n, u.TotalTime.n, u.TotalCPUTime.n, u.CPUTime.n, 0)
	regain := time.Duration(max(0, min(u.Regain.n, int64(maxWait/time.Minute)))) * time.Minute
	return Usage{Scope: scope, ID: id, Type: string(u.Type), Percent: int(min(fullest, 1_000_000)), Regain: regain}
}

// metaUsage parses Meta's usage headers. It omits headers that it cannot parse.
func metaUsage(h http.Header) []Usage {
	var out []Usage
	read := func(header string, into any) bool {
		raw := h.Get(header)
		return len(raw) <= maxUsageHeader && json.Unmarshal([]byte(raw), into) == nil
	}
	var app usageNumbers
	if read("X-App-Usage", &app) {
		out = append(out, app.usage("app", ""))
	}
	var byID map[string][]usageNumbers
	if read("X-Business-Use-Case-Usage", &byID) {
		for id, list := range byID {
			for _, n := range list {
				out = append(out, n.usage("business", id))
			}
		}
	}
	slices.SortFunc(out, func(a, b Usage) int {
		return cmp.Or(strings.Compare(a.Scope, b.Scope), strings.Compare(a.ID, b.ID), strings.Compare(a.Type, b.Type))
	})
	return out
}

// proxyWait is the wait after a 429 that does not come from LinkedIn itself and therefore does not
// concern the quota.
const proxyWait = 5 * time.Minute

// For midnightGrace after midnight by our clock, LinkedIn may still count calls against the quota
// of the previous day: the clocks differ, and answers take time.
const (
	midnightGrace = time.Hour
	midnightRetry = 10 * time.Minute // retry interval during the grace period
)

// How long a platform that throttled a call is not called.
const (
	defaultMetaWait   = 15 * time.Minute // if no header reports a wait
	defaultTikTokWait = time.Minute      // the quota's window is a sliding minute
	maxWait           = 24 * time.Hour   // no quota's window is longer than a day
)

// RetryAfter returns the wait of the first [Error] in err's chain, or 0 if it has none.
func RetryAfter(err error) time.Duration { return errorIn(err).RetryAfter }

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

// retryAfter returns the wait that an answer asks for, in seconds or until a time (RFC 9110 §10.2.3).
// The time is that of the server's clock, which the header Date shows.
func retryAfter(h http.Header) time.Duration {
	asked := strings.TrimSpace(h.Get("Retry-After"))
	seconds, err := strconv.ParseInt(asked, 10, 64)
	if until, failed := http.ParseTime(asked); failed == nil {
		now, unknown := http.ParseTime(h.Get("Date"))
		if unknown != nil {
			now = time.Now()
		}
		seconds, err = int64(until.Sub(now)/time.Second), nil
	}
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, int64(maxWait/time.Second))) * time.Second
}

func tikTokWait(_ time.Duration, h http.Header) time.Duration {
	return max(retryAfter(h), defaultTikTokWait)
}

// untilReset returns the wait after LinkedIn throttled a call. Quotas are daily and reset at
// midnight UTC; no header reports this. A refusal soon after midnight may still be due to the
// previous day's quota: a wait until the next midnight would waste the new day.
func (l *linkedIn) untilReset(hint time.Duration, h http.Header) time.Duration {
	const day = 24 * time.Hour
	if wait := cmp.Or(hint, retryAfter(h)); wait > 0 {
		return wait
	}
	now := l.cfg.Now()
	if sinceMidnight := now.Sub(now.UTC().Truncate(day)); sinceMidnight >= midnightGrace {
		return day - sinceMidnight
	}
	return midnightRetry
}
