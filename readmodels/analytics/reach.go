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

// AccountStats is the answer to /reach/getAccountStats.
type AccountStats struct {
	Total     ReachStats           `json:"total"`     // over the platforms asked for
	Platforms []platformReachStats `json:"platforms"` // each platform asked for, also without accounts
	// Reach is each social account's own: reach counts people, and those of two accounts may be the
	// same ones. Accounts without any reach in the range are left out; `meta.sources` says why.
	Reach []AccountReach `json:"reach"`
	// AsRead are the impressions that only exist over a platform's own window; they are in no total.
	AsRead []ReadFigure `json:"as_read"`
}

// platformReachStats are the figures of one platform.
type platformReachStats struct {
	readmodels.PlatformRef
	ReachStats
}

// ReachStats are impressions and reach of some social accounts.
type ReachStats struct {
	SocialAccounts int `json:"social_accounts"` // in scope, read or not
	// Impressions are how often contents were shown, gained in the range: {account impressions}.
	Impressions Total `json:"impressions"`
	// Reach is how many people saw contents in exactly this range, as the platform counted them. Null
	// when the platform has no window of exactly this range, and whenever there is more than one social
	// account: people are never summed.
	Reach  *int64     `json:"reach"`
	Series []ReachDay `json:"series"` // every part of the range
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []ReachDay `json:"previous_series,omitzero"`
}

// ReachDay is one part of [ReachStats]: a day, week or month. Platforms label their figures with days of their own, some in
// Pacific time; a figure stands at the day that bears its label.
type ReachDay struct {
	// the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	Day string `json:"day"`
	// Impressions gained in this part; of a cumulative figure: since the reading before, which may be
	// some days old, or since its first reading (see [Total]). Null when none was read.
	Impressions *int64 `json:"impressions"`
	// Reach is the platform's own figure of exactly this part (its window of a day, week or 28 days); null without
	// one, and whenever there is more than one social account.
	Reach        *int64 `json:"reach"`
	AccountsRead int    `json:"accounts_read"` // accounts in `impressions`
}

func (f *accountFigures) reachStats(reach, reachBefore []AccountReach, platforms ...domain.Platform) ReachStats {
	stats := ReachStats{
		SocialAccounts: f.accountsOn(platforms...), Impressions: f.total(domain.MetricImpressions, platforms),
		Series: f.reachDays(reach, platforms), PreviousSeries: f.before.reachDays(reachBefore, platforms),
	}
	if alone := f.onlyReach(reach, platforms); alone != nil {
		stats.Reach = alone.Value
	}
	return stats
}

// reachDays are impressions and reach by part of the range; nil of no figures.
func (f *accountFigures) reachDays(reach []AccountReach, platforms []domain.Platform) []ReachDay {
	if f == nil {
		return nil
	}
	impressions, alone := f.on(domain.MetricImpressions, platforms), f.onlyReach(reach, platforms)
	series := make([]ReachDay, len(f.buckets))
	for i, part := range f.buckets {
		series[i].Day = part.day.String()
		series[i].Impressions, series[i].AccountsRead = gainedIn(i, impressions)
		if alone != nil {
			series[i].Reach = alone.Series[i].Value
		}
	}
	return series
}

// AccountReach is the reach of one social account: people, rolling figures of the platform's own
// windows: {account reach}. They are shown as read, never summed and never subtracted.
type AccountReach struct {
	readmodels.PlatformRef

	SocialAccount int64 `json:"social_account_id"`
	// Value is the figure of the window that is exactly the range; null when the platform has none.
	Value *int64 `json:"value"`
	// Windows are, of each window, the one that ends last in the range.
	Windows []ReachWindow `json:"windows"`
	// Series are, for every part of the range, the platform's figures of exactly that part.
	Series []ReachPoint `json:"series"`
}

// ReachWindow is one figure of reach.
type ReachWindow struct {
	Window       string    `json:"window"`  // the platform's name for it: day, week, days_28, …
	EndsOn       *string   `json:"ends_on"` // its last day, the platform's label; null: the platform gave none
	Value        int64     `json:"value"`
	SourceMetric string    `json:"source_metric"`
	CapturedAt   time.Time `json:"captured_at"`
}

// ReachPoint is the reach of one part of the range: a day, week or month.
type ReachPoint struct {
	// the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	Day   string `json:"day"`
	Value *int64 `json:"value"` // null: not read
}

// windowDays is the length of a platform's window in days; 0 when it is not of days.
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

// reach returns the reach of every account that has some in the range; nil of no figures.
func (f *accountFigures) reach() []AccountReach {
	if f == nil {
		return nil
	}
	whole, parts := reachPartOf(f.query.Range), make([]reachPart, len(f.buckets))
	for i, b := range f.buckets {
		parts[i] = reachPartOf(b.Range)
		parts[i].label = b.day.String()
	}
	accounts := []AccountReach{}
	for _, s := range f.series {
		if s.metric != domain.MetricReach {
			continue
		}
		r := AccountReach{SocialAccount: s.social, PlatformRef: readmodels.PlatformRefOf(s.platform), Windows: f.reachWindows(s)}
		if len(r.Windows) == 0 {
			continue
		}
		names := slices.Sorted(maps.Keys(s.windows))
		r.Value, r.Series = f.reachOf(s, names, whole), make([]ReachPoint, len(parts))
		for i, part := range parts {
			r.Series[i] = ReachPoint{part.label, f.reachOf(s, names, part)}
		}
		accounts = append(accounts, r)
	}
	return accounts
}

// reachPart is a part of a range as windows are compared with it, the same for every account.
type reachPart struct {
	label string
	last  day
	days  int // -1: it cuts a day, of which a figure of the whole day says nothing
}

func reachPartOf(r Range) reachPart {
	first, end, whole := r.wholeDays()
	if !whole {
		return reachPart{days: -1}
	}
	return reachPart{last: end - 1, days: int(end - first)}
}

// reachWindows are, by name, the last figure of each window.
func (f *accountFigures) reachWindows(s *metricSeries) []ReachWindow {
	var windows []ReachWindow
	show := func(name string, endsOn *string, p *sample) {
		f.noteCapture(&p.at)
		f.noteMetric(s.social, domain.MetricReach)
		windows = append(windows, ReachWindow{Window: name, EndsOn: endsOn, Value: p.value, SourceMetric: p.source, CapturedAt: p.at})
	}
	first, end := f.query.Range.labels()
	for name, days := range s.windows {
		for d := end - 1; d >= first; d-- {
			if p := days.of(d); p != nil {
				show(name, new(d.String()), p)
				break
			}
		}
	}
	for key, g := range s.gauges {
		if last := f.latest(g); key.kind == domain.Rolling && last != nil {
			show(key.window, nil, last)
		}
	}
	slices.SortFunc(windows, func(x, y ReachWindow) int { return cmp.Compare(x.Window, y.Window) })
	return windows
}

// reachOf is the figure of the platform's window, the first one of names, that is exactly the part.
func (f *accountFigures) reachOf(s *metricSeries, names []string, part reachPart) *int64 {
	for _, name := range names {
		if windowDays(name) != part.days {
			continue
		}
		if p := s.windows[name].of(part.last); p != nil {
			f.noteCapture(&p.at)
			return &p.value
		}
	}
	return nil
}

// onlyReach is the reach of the only social account on some platforms; nil when there are several: people are never summed.
func (f *accountFigures) onlyReach(reach []AccountReach, platforms []domain.Platform) *AccountReach {
	of := slices.DeleteFunc(slices.Clone(reach), func(r AccountReach) bool { return !slices.Contains(platforms, r.Platform) })
	if f.accountsOn(platforms...) != 1 || len(of) != 1 {
		return nil
	}
	return &of[0]
}
