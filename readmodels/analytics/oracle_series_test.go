package analytics_test

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func PlatformRefOf(p domain.Platform) readmodels.PlatformRef {
	return readmodels.PlatformRef{Platform: p, PlatformName: p.String()}
}

// followerDays looks at each part by itself: what stood at its end, and what the accounts read in it
// had gained since they were read before.
func (o *oracle) followerDays(platforms []domain.Platform) []analytics.FollowerDay {
	var days []analytics.FollowerDay
	for _, part := range o.parts() {
		day := analytics.FollowerDay{Day: part.day}
		var standing *int64
		for _, s := range o.ids(platforms) {
			if o.last(s.id, domain.MetricFollowers, domain.Stock, o.q.Range.From, o.q.Range.To) == nil {
				continue // not read in the whole range
			}
			previousFrom, _ := o.previous()
			before := o.last(s.id, domain.MetricFollowers, domain.Stock, previousFrom, part.from)
			on := o.last(s.id, domain.MetricFollowers, domain.Stock, part.from, part.to)
			if on == nil {
				if before != nil {
					sum(&standing, before.figure.Value)
				}
				continue
			}
			sum(&standing, on.figure.Value)
			day.AccountsRead++
			if before != nil {
				sum(&day.Change, on.figure.Value-before.figure.Value)
			}
		}
		if day.AccountsRead > 0 {
			day.Followers = standing
		}
		days = append(days, day)
	}
	return days
}

func (o *oracle) followers() analytics.AccountFollowers {
	var want analytics.AccountFollowers
	o.metrics = []string{domain.MetricFollowers}
	series := func(platforms ...domain.Platform) analytics.FollowerSeries {
		return analytics.FollowerSeries{Followers: o.stock(domain.MetricFollowers, platforms), Series: o.followerDays(platforms)}
	}
	want.Total = series(o.q.Platforms...)
	want.Total.SocialAccounts = o.socialsOn(o.q.Platforms...)
	for _, p := range o.q.Platforms {
		of := analytics.PlatformFollowerSeries{PlatformRef: PlatformRefOf(p), FollowerSeries: series(p)}
		of.SocialAccounts = o.socialsOn(p)
		want.Platforms = append(want.Platforms, of)
	}
	return want
}

func (o *oracle) netGrowth() analytics.AccountNetGrowth {
	grown := func(f analytics.FollowerSeries) analytics.NetGrowth {
		g := analytics.NetGrowth{
			SocialAccounts: f.SocialAccounts, Start: f.Followers.Previous, Net: f.Followers.Change, NetPct: f.Followers.ChangePct,
			NoBaseline: f.Followers.NoBaseline, ComparedInPart: f.Followers.ComparedInPart,
		}
		if g.Start != nil {
			end := *g.Start + *g.Net
			g.End = &end
		}
		for _, d := range f.Series {
			g.Series = append(g.Series, analytics.GrowthDay{Day: d.Day, Net: d.Change, AccountsRead: d.AccountsRead})
		}
		return g
	}
	followers := o.followers()
	want := analytics.AccountNetGrowth{Total: grown(followers.Total)}
	for _, p := range followers.Platforms {
		want.Platforms = append(want.Platforms, analytics.PlatformNetGrowth{PlatformRef: p.PlatformRef, NetGrowth: grown(p.FollowerSeries)})
	}
	return want
}

// gained is what a part of the range added to a metric of one account.
func (o *oracle) gained(id int64, metric string, p part) *int64 {
	byDays := false
	var v *int64
	for _, date := range o.wholeDates(o.q.Range.From, o.q.Range.To) {
		if h := o.flow(id, metric, date); h != nil {
			byDays = true
			if slices.Contains(p.dates, date) {
				sum(&v, h.figure.Value)
			}
		}
	}
	if !byDays {
		return o.counted(id, metric, p.from, p.to)
	}
	return v
}

func (o *oracle) accountStats() analytics.AccountStats {
	var want analytics.AccountStats
	o.metrics = []string{domain.MetricImpressions, domain.MetricReach}
	want.AsRead = o.asRead(domain.MetricImpressions)
	want.Reach = o.reach()
	impressions := map[domain.Platform]analytics.Total{}
	all := o.gain(domain.MetricImpressions, o.q.Platforms)
	for _, p := range o.q.Platforms {
		impressions[p] = o.gain(domain.MetricImpressions, []domain.Platform{p})
	}
	want.Total = o.reachStats(all, want.Reach, o.q.Platforms...)
	for _, p := range o.q.Platforms {
		want.Platforms = append(want.Platforms, analytics.PlatformReachStats{
			PlatformRef: PlatformRefOf(p), ReachStats: o.reachStats(impressions[p], want.Reach, p),
		})
	}
	return want
}

func (o *oracle) reachStats(impressions analytics.Total, reach []analytics.AccountReach, platforms ...domain.Platform) analytics.ReachStats {
	stats := analytics.ReachStats{SocialAccounts: o.socialsOn(platforms...), Impressions: impressions}
	var alone *analytics.AccountReach
	for i, r := range reach {
		for _, p := range platforms {
			if r.Platform == p && stats.SocialAccounts == 1 {
				alone = &reach[i]
			}
		}
	}
	if alone != nil {
		stats.Reach = alone.Value
	}
	for i, part := range o.parts() {
		day := analytics.ReachDay{Day: part.day}
		for _, s := range o.ids(platforms) {
			if v := o.gained(s.id, domain.MetricImpressions, part); v != nil {
				day.AccountsRead++
				sum(&day.Impressions, *v)
			}
		}
		if alone != nil {
			day.Reach = alone.Series[i].Value
		}
		stats.Series = append(stats.Series, day)
	}
	return stats
}
