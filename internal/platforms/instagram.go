package platforms

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// instagram reads Instagram business accounts. Tokens of Facebook login and of Instagram login use
// different hosts.
type instagram struct {
	facebookLogin, instagramLogin *graph
}

func (i *instagram) host(t Target) *graph {
	if t.OwnLogin {
		return i.instagramLogin
	}
	return i.facebookLogin
}

// Account makes at least five calls: for the node, for reach by day, for the reach of 28 days, and
// one per day for the totals, by default of yesterday and today.
func (i *instagram) Account(ctx context.Context, t Target, req AccountRequest) (AccountSnapshot, error) {
	g := i.host(t)
	if err := cmp.Or(g.check("ig_user", t), req.check(g.platform, "ig_user", g.cfg.Now())); err != nil {
		return AccountSnapshot{}, err
	}
	r := igReading{graphReading: graphReading{
		graph: g, reading: reading{t: t, req: req}, edge: req.edge("ig_user_insights"), names: igNames,
	}}
	if err := r.setDays(); err != nil {
		return AccountSnapshot{}, err
	}
	if err := r.run(ctx, r.node, r.dailyReach, r.windowReach, r.totals, r.demographics); err != nil {
		return AccountSnapshot{}, err
	}
	for _, metric := range append([]string{igReach}, igTotals...) {
		r.missRest(domain.StatusNoData, igNames[metric]...)
	}
	return r.snap, nil
}

// Refresh renews a token of Instagram login, which must be valid and at least a day old. The
// platform requires the token in the URL, which is one reason why no error quotes a URL.
func (i *instagram) Refresh(ctx context.Context, t Target, _ string) (Tokens, error) {
	g := i.instagramLogin
	if !t.OwnLogin {
		return Tokens{}, ErrNoRefresh
	}
	if err := g.needToken(opRefresh, t.AccessToken); err != nil {
		return Tokens{}, err
	}
	q := g.signed(url.Values{"grant_type": {"ig_refresh_token"}, "access_token": {t.AccessToken}}, t.AccessToken)
	return g.tokens(ctx, t, call{
		op: opRefresh, classify: classifyGraph, url: g.endpoint.BaseURL + "/refresh_access_token?" + q.Encode(),
		secrets: []string{t.AccessToken}, errorsFirst: true,
	})
}

// maxInstagramDays is the longest range that Account reads, because each day costs a call.
const maxInstagramDays = 92

const (
	maxReachDays = 30 // per call of the daily series
	igWindow     = 28 // days of the long reach window
)

// igReach is the only metric with a daily series. The metrics of igTotals have one total per
// window.
const igReach = "reach"

var igTotals = []string{"views", "total_interactions", "likes", "comments", "shares"}

// igNames maps a metric to the names of its figures. Views also serve as impressions, which the
// platform removed in 2025.
var igNames = map[string][]string{
	igReach:              {domain.MetricReach},
	"views":              {domain.MetricViews, domain.MetricImpressions},
	"total_interactions": {domain.MetricEngagement},
	"likes":              {domain.MetricLikes},
	"comments":           {domain.MetricComments},
	"shares":             {domain.MetricShares},
}

type igReading struct {
	graphReading
	days []time.Time // Pacific midnights, oldest first
}

// setDays sets the days of the range, by default yesterday and today, and the days that became
// final.
func (i *igReading) setDays() error {
	today := i.dayOf(i.cfg.Now())
	first, end := today.AddDate(0, 0, -1), today.AddDate(0, 0, 1)
	if !i.req.Since.IsZero() {
		first, end = i.req.days(i.cfg.Now(), i.dayOf)
	}
	i.days = slices.DeleteFunc(i.req.settledDays(i.cfg.Now(), i.dayOf), func(day time.Time) bool {
		return !day.Before(first)
	})
	for day := first; day.Before(end); day = day.AddDate(0, 0, 1) {
		if len(i.days) == maxInstagramDays {
			return invalid(i.platform, "ig_user", "the range is longer than %d days: split it", maxInstagramDays)
		}
		i.days = append(i.days, day)
	}
	return nil
}

func (i *igReading) node(ctx context.Context) error {
	fields := "id,followers_count,media_count"
	if i.t.OwnLogin {
		fields = "user_id," + fields
	}
	var user struct {
		ID        text  `json:"id"`
		UserID    text  `json:"user_id"`
		Followers count `json:"followers_count"`
		Media     count `json:"media_count"`
	}
	err := i.get(ctx, "ig_user", i.t, i.t.ExternalID, url.Values{"fields": {fields}}, &user)
	if err == nil {
		err = checkAccount(i.platform, "ig_user", i.t.ExternalID, user.ID, user.UserID)
	}
	if err != nil {
		return i.absorb(err, domain.MetricFollowers, domain.MetricPosts)
	}
	i.total(domain.MetricFollowers, domain.Stock, "followers_count", user.Followers)
	i.total(domain.MetricPosts, domain.Stock, "media_count", user.Media)
	return nil
}

func (i *igReading) series(first, last time.Time) url.Values {
	end := last.AddDate(0, 0, 1)
	if now := i.cfg.Now(); end.After(now) {
		end = now
	}
	return url.Values{
		"period": {"day"},
		"since":  {strconv.FormatInt(first.Unix(), 10)}, "until": {strconv.FormatInt(end.Unix(), 10)},
	}
}

// window requests one total for a range of days. Without metric_type, the answer would be empty,
// not an error.
func (i *igReading) window(first, last time.Time) url.Values {
	q := i.series(first, last)
	q.Set("metric_type", "total_value")
	return q
}

func (i *igReading) dailyReach(ctx context.Context) error {
	var all []time.Time // without gaps, because a call requests a range
	for day := i.days[0]; !day.After(i.days[len(i.days)-1]); day = day.AddDate(0, 0, 1) {
		all = append(all, day)
	}
	parts := slices.Collect(slices.Chunk(all, maxReachDays))
	return i.each(len(parts), func(n int) error {
		first, last := parts[n][0], parts[n][len(parts[n])-1]
		data, err := i.ask(ctx, "ig_reach", []string{igReach}, i.series(first, last))
		for _, metric := range data {
			for _, v := range metric.Values {
				day, dated := i.pacificDay(v.EndTime)
				requested := !day.Before(first) && !day.After(last)
				if value := v.Value.total(); dated && requested && value.ok && metric.Name == igReach {
					i.add(reachFigure(value.n, "day", day))
				}
			}
		}
		if err != nil {
			return i.absorb(err, domain.MetricReach)
		}
		return nil
	})
}

// windowReach reads the number of people reached in 28 days.
func (i *igReading) windowReach(ctx context.Context) error {
	last := i.days[len(i.days)-1]
	data, err := i.ask(ctx, "ig_reach", []string{igReach}, i.window(last.AddDate(0, 0, 1-igWindow), last))
	for _, metric := range data {
		if value := totalValue(metric); metric.Name == igReach && value.ok {
			i.add(reachFigure(value.n, fmt.Sprintf("days_%d", igWindow), last))
		}
	}
	if err != nil {
		return i.absorb(err, domain.MetricReach)
	}
	return nil
}

func reachFigure(value int64, window string, day time.Time) domain.Figure {
	return domain.Figure{
		Name: domain.MetricReach, Kind: domain.Rolling, Source: igReach,
		Window: window, Day: day.Format(time.DateOnly), Value: value,
	}
}

func (i *igReading) totals(ctx context.Context) error {
	var names []string
	for _, metric := range igTotals {
		names = append(names, igNames[metric]...)
	}
	return i.each(len(i.days), func(n int) error {
		day := i.days[len(i.days)-1-n] // newest first: if the quota runs out, old days are missing
		data, err := i.ask(ctx, "ig_totals", igTotals, i.window(day, day))
		for _, item := range data {
			metric, value := string(item.Name), totalValue(item)
			if !value.ok || !slices.Contains(igTotals, metric) {
				continue
			}
			for _, name := range igNames[metric] {
				i.add(domain.Figure{
					Name: name, Kind: domain.DayFlow, Source: metric, Day: day.Format(time.DateOnly), Value: value.n,
				})
			}
		}
		if err != nil {
			return i.absorb(err, i.missingNames(names)...)
		}
		return nil
	})
}

// totalValue returns the total of an answer, or its single value if there is no total. Some answers
// contain both.
func totalValue(i insight) count {
	if i.TotalValue.ok && i.TotalValue.v.Value.ok {
		return i.TotalValue.v.Value
	}
	if len(i.Values) == 1 {
		return i.Values[0].Value.total()
	}
	return count{}
}

// demographics reads the breakdowns of followers with one call each. The platform withholds them
// below about 100 followers.
func (i *igReading) demographics(ctx context.Context) error {
	if !i.req.Demographics {
		return nil
	}
	facets := []string{"age", "gender", "city", "country"}
	err := i.each(len(facets), func(n int) error {
		data, err := i.facet(ctx, facets[n])
		if err != nil {
			return i.absorb(err, "demographics")
		}
		i.snap.addFacet(facets[n], facetValues(data))
		return nil
	})
	if err != nil {
		return err
	}
	i.snap.missDemographics() // withheld; the account may have fewer than 100 followers
	return nil
}

// facet omits the timeframe if the platform refuses it, as newer API versions may.
func (i *igReading) facet(ctx context.Context, facet string) ([]insight, error) {
	const timeframe = "timeframe"
	metrics := []string{"follower_demographics"}
	q := url.Values{"period": {"lifetime"}, "metric_type": {"total_value"}, "breakdown": {facet}}
	if i.refused.allows("ig_demographics", i.t.ExternalID, timeframe) {
		q.Set(timeframe, "this_month")
		data, err := i.ask(ctx, "ig_demographics", metrics, q)
		if KindOf(err) != domain.StatusInvalid {
			return data, err
		}
		q.Del(timeframe)
		i.refused.recordRefusal("ig_demographics", timeframe, i.t.ExternalID)
	}
	return i.ask(ctx, "ig_demographics", metrics, q)
}

func facetValues(data []insight) map[string]int64 {
	out := map[string]int64{}
	for _, i := range data {
		for _, b := range i.TotalValue.v.Breakdowns {
			for _, result := range b.Results {
				if len(result.DimensionValues) == 1 && result.Value.ok {
					out[string(result.DimensionValues[0])] = result.Value.n
				}
			}
		}
	}
	return out
}
