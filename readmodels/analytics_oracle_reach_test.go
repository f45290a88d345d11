package readmodels_test

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// reach looks for each window and day by itself.
func (o *oracle) reach() []readmodels.AccountReach {
	out := []readmodels.AccountReach{}
	whole := o.wholeDates(o.q.Range.From, o.q.Range.To)
	for _, s := range socials {
		account := readmodels.AccountReach{SocialAccount: s.id, PlatformRef: platformRef(s.platform)}
		for _, window := range []string{"day", "days_3", "months_12", "week"} {
			if w := o.lastWindow(s.id, window, whole); w != nil {
				account.Windows = append(account.Windows, *w)
			}
		}
		if len(account.Windows) == 0 {
			continue
		}
		for _, date := range o.dates() {
			point := readmodels.ReachPoint{Day: date}
			if h := o.window(s.id, "day", date); h != nil && slices.Contains(whole, date) {
				o.uses(h)
				point.Value = &h.figure.Value
			}
			account.Series = append(account.Series, point)
		}
		for window, days := range map[string]int{"day": 1, "days_3": 3, "week": 7} {
			if len(whole) == days && o.rangeIs(whole) {
				if h := o.window(s.id, window, whole[days-1]); h != nil {
					o.uses(h)
					account.Value = &h.figure.Value
				}
			}
		}
		out = append(out, account)
	}
	return out
}

// rangeIs reports whether the range is nothing but these days.
func (o *oracle) rangeIs(days []string) bool {
	return slices.Equal(o.dates(), days)
}

// window is what the newest reading says of the window that ends on a day.
func (o *oracle) window(id int64, window, date string) *hit {
	hits := o.find(id, func(_ domain.AccountRead, f domain.Figure) bool {
		return f.Name == domain.MetricReach && f.Window == window && f.Day == date
	})
	if len(hits) == 0 {
		return nil
	}
	return &hits[len(hits)-1]
}

// lastWindow is the window that ends last in the range, or the last reading of one without an end.
func (o *oracle) lastWindow(id int64, window string, whole []string) *readmodels.ReachWindow {
	var found *readmodels.ReachWindow
	undated := o.find(id, func(r domain.AccountRead, f domain.Figure) bool {
		return f.Name == domain.MetricReach && f.Window == window && f.Day == "" &&
			!r.CapturedAt.Before(o.q.Range.From) && r.CapturedAt.Before(o.q.Range.To)
	})
	if len(undated) > 0 {
		h := undated[len(undated)-1]
		return &readmodels.ReachWindow{Window: window, Value: o.uses(&h), SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt}
	}
	for _, date := range whole {
		if h := o.window(id, window, date); h != nil {
			found = &readmodels.ReachWindow{
				Window: window, EndsOn: &date, Value: h.figure.Value, SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt,
			}
		}
	}
	if found != nil {
		o.uses(o.window(id, window, *found.EndsOn))
	}
	return found
}
