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

// AccountReach is the reach of one social account: people, rolling figures of the platform's own
// windows (Facebook page_total_media_view_unique, Instagram reach, LinkedIn uniqueImpressionsCount).
// They are shown as read, never summed and never subtracted.
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
func (qc *queryContext) reachWindows(s *metricSeries) []ReachWindow {
	var windows []ReachWindow
	show := func(name string, endsOn *string, p *sample) {
		qc.noteCapture(&p.at)
		qc.noteMetric(s.social, domain.MetricReach)
		windows = append(windows, ReachWindow{Window: name, EndsOn: endsOn, Value: p.value, SourceMetric: p.source, CapturedAt: p.at})
	}
	first, end := qc.query.Range.labels()
	for name, days := range s.windows {
		for d := end - 1; d >= first; d-- {
			if p := days.of(d); p != nil {
				show(name, new(d.String()), p)
				break
			}
		}
	}
	for key, g := range s.gauges {
		if last := qc.latest(g); key.kind == domain.Rolling && last != nil {
			show(key.window, nil, last)
		}
	}
	slices.SortFunc(windows, func(x, y ReachWindow) int { return cmp.Compare(x.Window, y.Window) })
	return windows
}

// reachOf is the figure of the platform's window, the first one of names, that is exactly the part.
func (qc *queryContext) reachOf(s *metricSeries, names []string, part reachPart) *int64 {
	for _, name := range names {
		if windowDays(name) != part.days {
			continue
		}
		if p := s.windows[name].of(part.last); p != nil {
			qc.noteCapture(&p.at)
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
