package readmodels_test

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

var ever = time.Time{}

// stock adds up followers.
func (o *oracle) stock(metric string, platforms []domain.Platform) readmodels.Total {
	var p parts
	for _, s := range o.ids(platforms) {
		now := o.last(s.id, metric, domain.Stock, o.q.Range.From, o.q.Range.To)
		if now == nil {
			continue
		}
		sum(&p.value, o.uses(now))
		p.accounts++
		p.note(domain.Stock, now)
		before := o.last(s.id, metric, domain.Stock, ever, o.q.Range.From)
		if before == nil {
			p.inPart = true
			continue
		}
		p.note(domain.Stock, before)
		sum(&p.now, now.figure.Value)
		sum(&p.before, o.uses(before))
	}
	return p.total()
}

// gain adds up what was gained: day by day, or between two readings of a counter.
func (o *oracle) gain(metric string, platforms []domain.Platform) readmodels.Total {
	var p parts
	for _, s := range o.ids(platforms) {
		if !o.gainByDays(&p, s.id, metric) {
			o.gainByCounter(&p, s.id, metric)
		}
	}
	return p.total()
}

func (o *oracle) gainByDays(p *parts, id int64, metric string) bool {
	days := o.wholeDates(o.q.Range.From, o.q.Range.To)
	before := o.wholeDates(o.previous())
	read := false
	for i, date := range days {
		now := o.flow(id, metric, date)
		if now == nil {
			continue
		}
		read = true
		sum(&p.value, o.uses(now))
		p.note(domain.DayFlow, now)
		var then *hit
		if i < len(before) {
			then = o.flow(id, metric, before[i])
		}
		if then == nil {
			p.inPart = true
			continue
		}
		p.note(domain.DayFlow, then)
		sum(&p.now, now.figure.Value)
		sum(&p.before, o.uses(then))
	}
	if read {
		p.accounts++
	}
	return read
}

func (o *oracle) gainByCounter(p *parts, id int64, metric string) {
	now := o.last(id, metric, domain.Cumulative, o.q.Range.From, o.q.Range.To)
	if now == nil {
		return
	}
	o.uses(now)
	p.note(domain.Cumulative, now)
	start := o.last(id, metric, domain.Cumulative, ever, o.q.Range.From)
	if start == nil {
		return
	}
	p.note(domain.Cumulative, start)
	sum(&p.value, now.figure.Value-o.uses(start))
	p.accounts++
	previousFrom, _ := o.previous()
	earlier := o.last(id, metric, domain.Cumulative, ever, previousFrom)
	if earlier == nil || start.read.CapturedAt.Before(previousFrom) {
		p.inPart = true
		return
	}
	p.note(domain.Cumulative, earlier)
	sum(&p.now, now.figure.Value-start.figure.Value)
	sum(&p.before, start.figure.Value-o.uses(earlier))
}

// asRead lists the rolling figures of metrics.
func (o *oracle) asRead(metrics ...string) []readmodels.ReadFigure {
	out := []readmodels.ReadFigure{}
	for _, p := range domain.Platforms() {
		for _, s := range o.ids([]domain.Platform{p}) {
			for _, metric := range metrics {
				h := o.last(s.id, metric, domain.Rolling, o.q.Range.From, o.q.Range.To)
				if h == nil {
					continue
				}
				out = append(out, readmodels.ReadFigure{
					SocialAccount: s.id, PlatformRef: readmodels.PlatformRef{Platform: p, PlatformName: p.String()},
					Metric: metric, Kind: domain.Rolling, Window: h.figure.Window, Value: o.uses(h),
					SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt,
				})
			}
		}
	}
	return out
}

func (o *oracle) accountInsights() readmodels.AccountInsights {
	var want readmodels.AccountInsights
	totals := func(platforms []domain.Platform) readmodels.AccountTotals {
		return readmodels.AccountTotals{
			Followers: o.stock(domain.MetricFollowers, platforms), Engagement: o.gain(domain.MetricEngagement, platforms),
		}
	}
	want.Total = totals(o.q.Platforms)
	for _, p := range o.q.Platforms {
		want.Platforms = append(want.Platforms, readmodels.PlatformInsights{
			PlatformRef: readmodels.PlatformRef{Platform: p, PlatformName: p.String()}, AccountTotals: totals([]domain.Platform{p}),
		})
	}
	want.AsRead = o.asRead(domain.MetricEngagement)
	want.Total.SocialAccounts = o.socialsOn(o.q.Platforms...)
	for i, p := range o.q.Platforms {
		want.Platforms[i].SocialAccounts = o.socialsOn(p)
	}
	return want
}
