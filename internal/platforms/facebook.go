package platforms

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

type facebook struct{ *graph }

func (f *facebook) Refresh(context.Context, Target, string) (Tokens, error) {
	return Tokens{}, ErrNoRefresh
}

// Account makes one call for the page, one for each 88 days of insights, and one for demographics
// if they are requested.
func (f *facebook) Account(ctx context.Context, t Target, req AccountRequest) (AccountSnapshot, error) {
	if err := cmp.Or(f.check("page", t), req.check(f.platform, "page", f.cfg.Now())); err != nil {
		return AccountSnapshot{}, err
	}
	r := pageReading{graphReading{
		graph: f.graph, reading: reading{t: t, req: req}, edge: req.edge("page_insights"), names: pageNames,
	}}
	if err := r.run(ctx, r.node, r.pageInsights, r.demographics); err != nil {
		return AccountSnapshot{}, err
	}
	return r.snap, nil
}

type pageReading struct{ graphReading }

// node does not read fan_count, a legacy metric that differs from followers_count.
func (p *pageReading) node(ctx context.Context) error {
	var page struct {
		ID        text  `json:"id"`
		Followers count `json:"followers_count"`
	}
	err := p.get(ctx, "page", p.t, p.t.ExternalID, url.Values{"fields": {"id,followers_count"}}, &page)
	if err == nil {
		err = checkAccount(p.platform, "page", p.t.ExternalID, page.ID)
	}
	if err != nil {
		return p.absorb(err, domain.MetricFollowers)
	}
	p.total(domain.MetricFollowers, domain.Stock, "followers_count", page.Followers)
	return nil
}

// The metrics of a page (November 2026). Views also serve as impressions: the platform has reported
// no separate number since 2025-11-15.
const (
	pageViews      = "page_media_view"
	pageReach      = "page_total_media_view_unique"
	pageEngagement = "page_post_engagements"
	pageActions    = "page_total_actions"
	pageReactions  = "page_actions_post_reactions_total"
	pageFollows    = "page_follows"
)

var pageNames = map[string][]string{
	pageViews:      {domain.MetricViews, domain.MetricImpressions},
	pageReach:      {domain.MetricReach},
	pageEngagement: {domain.MetricEngagement},
	pageActions:    {domain.MetricClicks},
	pageReactions:  {domain.MetricLikes},
	pageFollows:    {domain.MetricFollowers},
}

const (
	// windowDays is the number of days per call. The limit is 90: one day is reserved for `until`,
	// which has been observed to be exclusive, and one for the 25-hour day in autumn.
	windowDays = 88
	// Page insights go back two years.
	historyDays = 2*365 - 1
)

func (p *pageReading) pageInsights(ctx context.Context) error {
	metrics := []string{pageViews, pageReach, pageEngagement, pageActions, pageReactions}
	if p.req.Backfill && !p.req.Since.IsZero() {
		metrics = append(metrics, pageFollows)
	}
	var names []string
	for _, metric := range metrics {
		names = append(names, pageNames[metric]...)
	}
	windows := p.windows()
	err := p.each(len(windows), func(n int) error {
		data, err := p.ask(ctx, "page_insights", metrics, windows[n].query())
		for _, i := range data {
			p.pageFigures(i, windows[n])
		}
		if err != nil {
			return p.absorb(err, p.missingNames(names)...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, metric := range metrics {
		// If the token lacks read_insights or the page has fewer than 100 likes, Meta answers with HTTP
		// 200 and no data.
		p.missRest(domain.StatusNoData, pageNames[metric]...)
	}
	return nil
}

// insightWindow is the range of Pacific days of one call. The zero value is the platform's default
// range.
type insightWindow struct {
	first, end time.Time
	daysOnly   bool // without the longer periods that end in it
}

// query contains no period, so that one call returns all periods.
func (i insightWindow) query() url.Values {
	if i.first.IsZero() {
		return url.Values{}
	}
	return url.Values{
		"since": {strconv.FormatInt(i.first.Unix(), 10)},
		"until": {strconv.FormatInt(i.end.AddDate(0, 0, 1).Unix(), 10)},
	}
}

func (i insightWindow) holds(day time.Time) bool {
	return i.first.IsZero() || (!day.Before(i.first) && day.Before(i.end))
}

func (p *pageReading) windows() []insightWindow {
	out := p.rangeWindows()
	if days := p.req.settledDays(p.cfg.Now(), p.dayOf); len(days) > 0 {
		out = append(out, insightWindow{first: days[0], end: days[len(days)-1].AddDate(0, 0, 1), daysOnly: true})
	}
	return out
}

func (p *pageReading) rangeWindows() (out []insightWindow) {
	if p.req.Since.IsZero() {
		return []insightWindow{{}}
	}
	first, end := p.req.days(p.cfg.Now(), p.dayOf)
	if oldest := p.dayOf(p.cfg.Now()).AddDate(0, 0, -historyDays); first.Before(oldest) {
		first = oldest
	}
	for first.Before(end) {
		next := first.AddDate(0, 0, windowDays)
		if next.After(end) {
			next = end
		}
		out = append(out, insightWindow{first: first, end: next})
		first = next
	}
	return out
}

func (p *pageReading) pageFigures(i insight, w insightWindow) {
	if w.daysOnly && i.Period != "day" {
		return
	}
	values := map[time.Time]int64{}
	for _, v := range i.Values {
		day, dated := p.pacificDay(v.EndTime)
		if value := v.Value.total(); dated && value.ok && w.holds(day) {
			values[day] = value.n
		}
	}
	days := slices.SortedFunc(maps.Keys(values), time.Time.Compare)
	if i.Period != "day" && len(days) > 1 {
		days = days[len(days)-1:] // only the newest value of a long period is used
	}
	for _, day := range days {
		for _, name := range pageNames[string(i.Name)] {
			figure, ok := pageFigure(name, string(i.Name), string(i.Period), day.Format(time.DateOnly), values[day])
			if ok {
				p.add(figure)
			}
		}
	}
}

// pageFigure omits weeks and 28 days except for reach, because they are sums of the days. Reach
// counts people and cannot be summed, so it keeps its window.
func pageFigure(name, source, period, day string, value int64) (domain.Figure, bool) {
	figure := domain.Figure{Name: name, Source: source, Day: day, Value: value}
	switch {
	case name == domain.MetricReach && (period == "day" || period == "week" || period == "days_28"):
		figure.Kind, figure.Window = domain.Rolling, period
	case period != "day" || name == domain.MetricReach:
		return domain.Figure{}, false
	case source == pageFollows:
		figure.Kind = domain.Stock
	default:
		figure.Kind = domain.DayFlow
	}
	return figure, true
}

// demographics reads only places: the platform no longer reports age and gender.
func (p *pageReading) demographics(ctx context.Context) error {
	if !p.req.Demographics {
		return nil
	}
	facets := map[string]string{"page_follows_city": "city", "page_follows_country": "country"}
	data, err := p.ask(ctx, "page_demographics", slices.Sorted(maps.Keys(facets)), url.Values{"period": {"day"}})
	for _, i := range data {
		if facet, known := facets[string(i.Name)]; known && len(i.Values) > 0 {
			p.snap.addFacet(facet, wholeParts(i.Values[len(i.Values)-1].Value))
		}
	}
	if err != nil {
		return p.absorb(err, "demographics")
	}
	p.snap.missDemographics()
	return nil
}

func wholeParts(a amount) map[string]int64 {
	out := map[string]int64{}
	for key, part := range a.parts {
		if part.ok {
			out[key] = part.n
		}
	}
	return out
}
