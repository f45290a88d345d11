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
	Account    string // external ID of the account; for LinkedIn [Target.CountedBy]
	At         time.Time
	Duration   time.Duration // wall-clock time, independent of Config.Now
	Status     int           // HTTP status; 0 without an answer
	Bytes      int
	Requests   int   // number of calls that it counts as: the requests of a batch, otherwise 1
	Class      Class // "" on success
	Code       string
	RetryAfter time.Duration
	Scope      domain.QuotaScope // the exhausted quota; throttled calls only
	Usage      []Usage           // nil: the platform reported no usage
}

// scope returns the quota that a throttled call exhausted. TikTok counts per endpoint. LinkedIn
// reports whether the quota is the app's or the member's, and whether it covers one resource only.
// Meta's code 4 is the app's quota; its other codes are those of the page, account or person.
func (e *Error) scope() domain.QuotaScope {
	switch {
	case e.Class != ClassThrottled:
		return ""
	case e.Platform == domain.TikTok:
		return domain.QuotaPerOperation
	case e.Platform == domain.LinkedIn && strings.Contains(e.PlatformMessage, "MEMBER"):
		return domain.QuotaPerAccount
	case e.Platform == domain.LinkedIn && strings.Contains(e.PlatformMessage, "Resource level"):
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

func (n usageNumbers) usage(scope, id string) Usage {
	fullest := max(n.CallCount.n, n.CallVolume.n, n.TotalTime.n, n.TotalCPUTime.n, n.CPUTime.n, 0)
	regain := time.Duration(max(0, min(n.Regain.n, int64(maxWait/time.Minute)))) * time.Minute
	return Usage{Scope: scope, ID: id, Type: string(n.Type), Percent: int(min(fullest, 1_000_000)), Regain: regain}
}

// metaUsage omits headers that it cannot parse.
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

// proxyWait follows a 429 that does not come from LinkedIn itself: it does not concern the quota.
const proxyWait = 5 * time.Minute

// LinkedIn's previous day may last this long after midnight by our clock: the clocks differ, and
// answers take time.
const (
	midnightGrace = time.Hour
	midnightRetry = 10 * time.Minute // retry interval during that period
)

// How long a throttling platform is not called.
const (
	defaultMetaWait   = 15 * time.Minute // the usual wait of clients if no header reports one
	defaultTikTokWait = time.Minute      // the window is a sliding minute
	maxWait           = 24 * time.Hour   // no quota is longer than a day
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

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseInt(strings.TrimSpace(h.Get("Retry-After")), 10, 64)
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, int64(maxWait/time.Second))) * time.Second
}

func tikTokWait(_ time.Duration, h http.Header) time.Duration {
	return max(retryAfter(h), defaultTikTokWait)
}

// untilReset is LinkedIn's wait. Quotas are daily and reset at midnight UTC; no header reports
// this. A refusal soon after midnight may still belong to the previous day: waiting for the next
// midnight would lose this day, and every day after it.
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
