package analytics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountStats is the response to /reach/getAccountStats.
type AccountStats struct {
	Total ReachStats `json:"total"` // all requested platforms together
	// all requested platforms, including those without accounts
	Platforms []platformReachStats `json:"platforms"`
	// Reach is the reach of each social account. Reach counts people, and two accounts can reach
	// the same people, so it is never summed. Accounts without reach in the range are excluded;
	// `meta.sources` gives the reason.
	Reach []AccountReach `json:"reach"`
	// AsRead lists impressions that platforms report only for their own windows. No total includes
	// them.
	AsRead []ReadFigure `json:"as_read"`
}

// platformReachStats are the figures of one platform.
type platformReachStats struct {
	readmodels.PlatformRef
	ReachStats
}

// ReachStats are the impressions and the reach of a set of social accounts.
type ReachStats struct {
	SocialAccounts int `json:"social_accounts"` // number in scope, whether read or not
	// Impressions is the number of times that content was shown in the range: {account
	// impressions}.
	Impressions Total `json:"impressions"`
	// Reach is how many people saw content in exactly this range, as counted by the platform. Null
	// if the platform has no window for exactly this range, or if there is more than one social
	// account: people are never summed.
	Reach  *int64     `json:"reach"`
	Series []ReachDay `json:"series"` // one entry per interval of the range
	// PreviousSeries is what `series` is compared with; absent with compare=none.
	PreviousSeries []ReachDay `json:"previous_series,omitzero"`
}

// ReachDay is one interval of [ReachStats]: a day, week or month. Platforms label figures with
// their own days, some in Pacific time; a figure appears on the day of its label.
type ReachDay struct {
	// Day is the first day of the interval, YYYY-MM-DD in the response's time zone. It can be
	// before the range.
	Day string `json:"day"`
	// Impressions is the number of impressions gained in this interval. A cumulative figure is
	// measured from the previous reading, which can be several days old (see [Total]). Null if none
	// were read.
	Impressions *int64 `json:"impressions"`
	// Reach is the platform's figure for exactly this interval (its window of a day, a week or 28
	// days). Null if there is no such figure, or if there is more than one social account.
	Reach        *int64 `json:"reach"`
	AccountsRead int    `json:"accounts_read"` // number of accounts in `impressions`
}

func (a *accountFigures) reachStats(reach, reachBefore []AccountReach, platforms ...domain.Platform) ReachStats {
	stats := ReachStats{
		SocialAccounts: a.accountsOn(platforms...), Impressions: a.total(domain.MetricImpressions, platforms),
	}
	alone := onlyReach(stats.SocialAccounts, reach, platforms)
	if alone != nil {
		stats.Reach = alone.Value
	}
	stats.Series = a.reachDays(alone, platforms)
	stats.PreviousSeries = a.before.reachDays(onlyReach(stats.SocialAccounts, reachBefore, platforms), platforms)
	return stats
}

// reachDays returns nil for a nil receiver.
func (a *accountFigures) reachDays(alone *AccountReach, platforms []domain.Platform) []ReachDay {
	if a == nil {
		return nil
	}
	impressions := a.onPlatforms(domain.MetricImpressions, platforms)
	series := make([]ReachDay, len(a.buckets))
	for i, part := range a.buckets {
		series[i].Day = part.label()
		series[i].Impressions, series[i].AccountsRead = gainedIn(i, impressions)
		if alone != nil {
			series[i].Reach = alone.Series[i].Value
		}
	}
	return series
}

// AccountReach is the number of people that one social account reached, in the platform's own
// windows: {account reach}. The figures are reported as read, never summed or subtracted.
type AccountReach struct {
	readmodels.PlatformRef

	SocialAccount int64 `json:"social_account_id"` // the connected profile or page, by its id
	// Value is the figure for the window that equals the range; null if the platform has no such
	// window.
	Value *int64 `json:"value"`
	// Windows contains, for each length of window, the figure of the window that ends last in the
	// range.
	Windows []ReachWindow `json:"windows"`
	// Series contains, for each interval of the range, the platform's figure for exactly that
	// interval.
	Series []ReachPoint `json:"series"`
}

// ReachWindow is one reach figure.
type ReachWindow struct {
	// the platform's name for the window: day, week, days_28, …
	Window string `json:"window"`
	// last day of the window, as labeled by the platform; null if unlabeled
	EndsOn       *string   `json:"ends_on"`
	Value        int64     `json:"value"`         // number of people
	SourceMetric string    `json:"source_metric"` // the platform's name for the metric
	CapturedAt   time.Time `json:"captured_at"`   // when it was read from the platform, UTC
}

// ReachPoint is the reach in one interval of the range: a day, week or month.
type ReachPoint struct {
	// Day is the first day of the interval, YYYY-MM-DD in the response's time zone. It can be
	// before the range.
	Day   string `json:"day"`
	Value *int64 `json:"value"` // the value. Null if not read.
}

// windowDays returns 0 if the window is not a number of days.
func windowDays(window string) int {
	switch window {
	case "day":
		return 1
	case "week":
		return 7
	}
	if text, ok := strings.CutPrefix(window, "days_"); ok {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// reach returns the accounts with reach in the range; nil for a nil receiver.
func (a *accountFigures) reach() []AccountReach {
	if a == nil {
		return nil
	}
	whole, parts := reachPartOf(a.query.Range), make([]reachPart, len(a.buckets))
	for i, b := range a.buckets {
		parts[i] = reachPartOf(b.Range)
		parts[i].label = b.day.String()
	}
	accounts := []AccountReach{}
	for _, s := range a.series {
		if s.metric != domain.MetricReach {
			continue
		}
		r := AccountReach{
			SocialAccount: s.social, PlatformRef: readmodels.PlatformRefOf(s.platform), Windows: a.reachWindows(s),
		}
		if len(r.Windows) == 0 {
			continue
		}
		names := slices.Sorted(maps.Keys(s.windows))
		r.Value, r.Series = a.reachOf(s, names, whole), make([]ReachPoint, len(parts))
		for i, part := range parts {
			r.Series[i] = ReachPoint{part.label, a.reachOf(s, names, part)}
		}
		accounts = append(accounts, r)
	}
	return accounts
}

// reachPart is an interval in a form that can be compared with windows, for every account.
type reachPart struct {
	label string
	last  day
	days  int // -1 if the interval cuts a day: a figure for the whole day does not apply
}

func reachPartOf(r Range) reachPart {
	first, end, whole := r.wholeDays()
	if !whole {
		return reachPart{days: -1}
	}
	return reachPart{last: end - 1, days: int(end - first)}
}

func (a *accountFigures) reachWindows(s *metricSeries) []ReachWindow {
	var windows []ReachWindow
	show := func(name string, endsOn *string, p *reading) {
		a.noteCapture(&p.at)
		a.noteMetric(s.social, domain.MetricReach)
		windows = append(windows, ReachWindow{
			Window: name, EndsOn: endsOn, Value: p.value, SourceMetric: p.source, CapturedAt: p.at,
		})
	}
	first, end := a.query.Range.labels()
	for name, days := range s.windows {
		for d := end - 1; d >= first; d-- {
			if p := days.get(d); p != nil {
				show(name, new(d.String()), p)
				break
			}
		}
	}
	for name, last := range s.undated {
		show(name, nil, last)
	}
	slices.SortFunc(windows, func(x, y ReachWindow) int { return cmp.Compare(x.Window, y.Window) })
	return windows
}

// reachOf returns the figure of the first window that equals the interval.
func (a *accountFigures) reachOf(s *metricSeries, names []string, part reachPart) *int64 {
	for _, name := range names {
		if windowDays(name) != part.days {
			continue
		}
		if p := s.windows[name].get(part.last); p != nil {
			a.noteCapture(&p.at)
			return &p.value
		}
	}
	return nil
}

// onlyReach returns the reach of the only social account on some platforms, or nil if there are
// several, because people are never summed.
func onlyReach(socialAccounts int, reach []AccountReach, platforms []domain.Platform) (alone *AccountReach) {
	for i, r := range reach {
		if slices.Contains(platforms, r.Platform) {
			if alone != nil || socialAccounts != 1 {
				return nil
			}
			alone = &reach[i]
		}
	}
	return alone
}
