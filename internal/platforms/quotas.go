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

// CallStats is what [Config.Observe] learns of one call. It holds no token.
type CallStats struct {
	Platform   domain.Platform
	Op         string // "page", "page_insights", "video_list", …
	Account    string // external id of the account; at LinkedIn [Target.CountedBy]
	At         time.Time
	Duration   time.Duration // real time, whatever Config.Now says
	Status     int           // HTTP; 0 without an answer
	Bytes      int
	Requests   int   // how many calls it counts as: the requests of a batch, 1 elsewhere
	Class      Class // "" for a success
	Code       string
	RetryAfter time.Duration
	Scope      domain.QuotaScope // whose quota is used up; throttled calls only
	Usage      []Usage           // nil: the platform said nothing, which is no information
}

// scope says whose quota a throttled call has found used up: TikTok counts by endpoint; LinkedIn says
// whether it is the app's or the member's, and whether it is that of one resource alone; Meta's code 4 is the
// app's, its others are the page's, the account's or the person's.
func (e *Error) scope(op string) domain.QuotaScope {
	switch {
	case e.Class != ClassThrottled:
		return ""
	case e.Platform == domain.TikTok && op != "":
		return domain.QuotaPerOperation
	case e.Platform == domain.LinkedIn && strings.Contains(e.Words, "MEMBER"):
		return domain.QuotaPerAccount
	case e.Platform == domain.LinkedIn && op != "" && strings.Contains(e.Words, "Resource level"):
		return domain.QuotaPerOperation
	case e.Platform == domain.LinkedIn, e.Code == "4":
		return domain.QuotaPerApp
	default:
		return domain.QuotaPerAccount
	}
}

// Usage is one quota as the platform reports it.
type Usage struct {
	Scope   string // "app" or "business"
	ID      string // page or Instagram account; business only
	Type    string // "pages", "instagram", …; business only
	Percent int    // of the fullest of calls, time and CPU time
	Regain  time.Duration
}

const maxUsageHeader = 32 << 10

type usageNumbers struct {
	Type         text  `json:"type"`
	CallCount    count `json:"call_count"`
	TotalTime    count `json:"total_time"`
	TotalCPUTime count `json:"total_cputime"`
	Regain       count `json:"estimated_time_to_regain_access"` // minutes

	CallVolume count `json:"call_volume"` // graph.instagram.com says so for call_count,
	CPUTime    count `json:"cpu_time"`    // and so for total_cputime
}

func (n usageNumbers) usage(scope, id string) Usage {
	fullest := max(n.CallCount.n, n.CallVolume.n, n.TotalTime.n, n.TotalCPUTime.n, n.CPUTime.n, 0)
	regain := time.Duration(max(0, min(n.Regain.n, int64(maxWait/time.Minute)))) * time.Minute
	return Usage{Scope: scope, ID: id, Type: string(n.Type), Percent: int(min(fullest, 1_000_000)), Regain: regain}
}

// metaUsage reads Meta's usage headers; one that cannot be read is left out.
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
		return strings.Compare(a.Scope+"\x00"+a.ID+"\x00"+a.Type, b.Scope+"\x00"+b.ID+"\x00"+b.Type)
	})
	return out
}

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
