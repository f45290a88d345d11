package analytics_test

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// reach searches each window and day separately.
func (o *oracle) reach() []analytics.AccountReach {
	out := []analytics.AccountReach{}
	whole := o.wholeDates(o.q.Range.From, o.q.Range.To)
	for _, s := range socials {
		account := analytics.AccountReach{SocialAccount: s.id, PlatformRef: readmodels.PlatformRefOf(s.platform)}
		for _, window := range []string{"day", "days_3", "months_12", "week"} {
			if w := o.lastWindow(s.id, window, whole); w != nil {
				account.Windows = append(account.Windows, *w)
			}
		}
		if len(account.Windows) == 0 {
			continue
		}
		for _, part := range o.parts() {
			account.Series = append(account.Series, analytics.ReachPoint{Day: part.day, Value: o.windowOver(s.id, part.dates, part.from, part.to)})
		}
		account.Value = o.windowOver(s.id, o.dates(), o.q.Range.From, o.q.Range.To)
		out = append(out, account)
	}
	return out
}

// windowOver returns the figure of the window that covers exactly these whole days.
func (o *oracle) windowOver(id int64, dates []string, from, to time.Time) *int64 {
	if !slices.Equal(o.wholeDates(from, to), dates) {
		return nil
	}
	window, ok := map[int]string{1: "day", 3: "days_3", 7: "week"}[len(dates)]
	if !ok {
		return nil
	}
	h := o.window(id, window, dates[len(dates)-1])
	if h == nil {
		return nil
	}
	o.uses(h)
	return &h.figure.Value
}

// window returns the newest reading of the window that ends on a day.
func (o *oracle) window(id int64, window, date string) *hit {
	hits := o.find(id, func(_ domain.AccountRead, f domain.Figure) bool {
		return f.Name == domain.MetricReach && f.Window == window && f.Day == date
	})
	if len(hits) == 0 {
		return nil
	}
	return &hits[len(hits)-1]
}

// lastWindow returns the window that ends last in the range, or the last reading of one without an
// end.
func (o *oracle) lastWindow(id int64, window string, whole []string) *analytics.ReachWindow {
	var newest *analytics.ReachWindow
	undated := o.find(id, func(r domain.AccountRead, f domain.Figure) bool {
		return f.Name == domain.MetricReach && f.Window == window && f.Day == "" &&
			!r.CapturedAt.Before(o.q.Range.From) && r.CapturedAt.Before(o.q.Range.To)
	})
	if len(undated) > 0 {
		h := undated[len(undated)-1]
		return &analytics.ReachWindow{Window: window, Value: o.uses(&h), SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt}
	}
	for _, date := range whole {
		if h := o.window(id, window, date); h != nil {
			newest = &analytics.ReachWindow{
				Window: window, EndsOn: &date, Value: h.figure.Value, SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt,
			}
		}
	}
	if newest != nil {
		o.uses(o.window(id, window, *newest.EndsOn))
	}
	return newest
}

// asRead returns the rolling figures of metrics.
func (o *oracle) asRead(metrics ...string) []analytics.ReadFigure {
	out := []analytics.ReadFigure{}
	for _, p := range domain.Platforms() {
		for _, s := range o.ids([]domain.Platform{p}) {
			for _, metric := range metrics {
				h := o.last(s.id, metric, domain.Rolling, o.q.Range.From, o.q.Range.To)
				if h == nil {
					continue
				}
				out = append(out, analytics.ReadFigure{
					SocialAccount: s.id, PlatformRef: readmodels.PlatformRef{Platform: p, PlatformName: p.String()},
					Metric: metric, Kind: domain.Rolling, Window: domain.OptionalText(h.figure.Window), Value: o.uses(h),
					SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt,
				})
			}
		}
	}
	return out
}
