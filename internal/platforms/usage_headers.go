package platforms

import (
	"encoding/json"
	"net/http"
	"slices"
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
	Scope      Scope   // whose quota is used up; throttled calls only
	Usage      []Usage // nil: the platform said nothing, which is no information
}

// Scope says what a quota counts.
type Scope string

// The scopes.
const (
	ScopeApp       Scope = "app"       // all calls of our app
	ScopeOperation Scope = "operation" // all calls of our app to one endpoint
	ScopeAccount   Scope = "account"   // the calls about one page, account or member
)

// scope says whose quota a throttled call has found used up: TikTok counts by endpoint; LinkedIn says
// whether it is the app's or the member's, and whether it is that of one resource alone; Meta's code 4 is the
// app's, its others are the page's, the account's or the person's.
func (e *Error) scope(op string) Scope {
	switch {
	case e.Class != ClassThrottled:
		return ""
	case e.Platform == domain.TikTok && op != "":
		return ScopeOperation
	case e.Platform == domain.LinkedIn && strings.Contains(e.Words, "MEMBER"):
		return ScopeAccount
	case e.Platform == domain.LinkedIn && op != "" && strings.Contains(e.Words, "Resource level"):
		return ScopeOperation
	case e.Platform == domain.LinkedIn, e.Code == "4":
		return ScopeApp
	default:
		return ScopeAccount
	}
}

// Usage is one quota as the platform reports it.
type Usage struct {
	Scope        string // "app" or "business"
	ID           string // page or Instagram account; business only
	Type         string // "pages", "instagram", …; business only
	CallCount    int    // percent of the quota
	TotalTime    int    // percent
	TotalCPUTime int    // percent
	Regain       time.Duration
}

// Percent is the fullest of the three quotas.
func (u Usage) Percent() int { return max(u.CallCount, u.TotalTime, u.TotalCPUTime) }

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
	return Usage{
		Scope: scope, ID: id, Type: string(n.Type), CallCount: max(percent(n.CallCount), percent(n.CallVolume)),
		TotalTime: percent(n.TotalTime), TotalCPUTime: max(percent(n.TotalCPUTime), percent(n.CPUTime)), Regain: minutes(n.Regain),
	}
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

func percent(c count) int { return int(max(0, min(c.n, 1_000_000))) }
