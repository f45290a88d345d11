package analytics_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// stock adds up followers.
func (o *oracle) stock(metric string, platforms []domain.Platform) analytics.Total {
	var p parts
	for _, s := range o.ids(platforms) {
		now := o.last(s.id, metric, domain.Stock, o.q.Range.From, o.q.Range.To)
		if now == nil {
			continue
		}
		sum(&p.value, o.uses(now))
		p.accounts++
		p.note(domain.Stock, now)
		previousFrom, _ := o.previous()
		before := o.last(s.id, metric, domain.Stock, previousFrom, o.q.Range.From)
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
func (o *oracle) gain(metric string, platforms []domain.Platform) analytics.Total {
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
	read, over, readOfThem := false, 0, 0
	for i, date := range days {
		isOver := o.isOver(date)
		if isOver {
			over++
		}
		now := o.flow(id, metric, date)
		if now == nil {
			continue
		}
		if isOver {
			readOfThem++
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
	if read {
		o.lackOfDays(id, metric, readOfThem, over)
	}
	return read
}

// lackOfDays says which days of the range do not count: those that were not read, and those that it cuts.
func (o *oracle) lackOfDays(id int64, metric string, read, over int) {
	days := o.wholeDates(o.q.Range.From, o.q.Range.To)
	first, _ := time.Parse(time.DateOnly, days[0])
	switch {
	case read < over:
		o.gaps[id][metric] = fmt.Sprintf("Of %s, %d of %d days were read.", metric, read, over)
	case !firstInstant(first, o.q.Range.Zone).Equal(o.q.Range.From) || !firstInstant(first.AddDate(0, 0, len(days)), o.q.Range.Zone).Equal(o.q.Range.To):
		o.gaps[id][metric] = fmt.Sprintf("Of %s, only whole days count, of which this range has %d.", metric, len(days))
	}
}

func (o *oracle) gainByCounter(p *parts, id int64, metric string) {
	now := o.last(id, metric, domain.Cumulative, o.q.Range.From, o.q.Range.To)
	if now == nil {
		return
	}
	o.uses(now)
	p.note(domain.Cumulative, now)
	previousFrom, _ := o.previous()
	start := o.last(id, metric, domain.Cumulative, previousFrom, o.q.Range.From)
	if start == nil {
		o.lackOfBaseline(id, metric)
		first := o.first(id, metric, o.q.Range.From, o.q.Range.To)
		if !first.read.CapturedAt.Equal(now.read.CapturedAt) {
			p.note(domain.Cumulative, first)
			sum(&p.value, now.figure.Value-first.figure.Value)
			p.accounts++
			p.inPart = true
		}
		return
	}
	p.note(domain.Cumulative, start)
	sum(&p.value, now.figure.Value-o.uses(start))
	p.accounts++
	earlierFrom, _ := o.periodBefore(previousFrom, o.q.Range.From)
	earlier := o.last(id, metric, domain.Cumulative, earlierFrom, previousFrom)
	if earlier == nil {
		p.inPart = true
		return
	}
	p.note(domain.Cumulative, earlier)
	sum(&p.now, now.figure.Value-start.figure.Value)
	sum(&p.before, start.figure.Value-o.uses(earlier))
}

// isOver tells whether a day has ended wherever on earth it may be counted.
func (o *oracle) isOver(date string) bool {
	day, _ := time.Parse(time.DateOnly, date)
	return o.q.Range.Now.IsZero() || !o.q.Range.Now.Before(day.Add(36*time.Hour))
}

// lackOfBaseline says since when a counter is known that has no baseline.
func (o *oracle) lackOfBaseline(id int64, metric string) {
	on := func(h *hit) string { return h.read.CapturedAt.In(o.q.Range.Zone).Format(time.DateOnly) }
	first := o.first(id, metric, o.q.Range.From, o.q.Range.To)
	o.gaps[id][metric] = fmt.Sprintf("Of %s, it was first read on %s; what it gained before is not known.", metric, on(first))
	if before := o.last(id, metric, domain.Cumulative, time.Time{}, o.q.Range.From); before != nil {
		o.gaps[id][metric] = fmt.Sprintf("Of %s, it was not read from %s to %s; what it gained between is not counted.", metric, on(before), on(first))
	}
}

// agreeOnSources compares status and reason of each source, as far as readings decide them.
func (o *oracle) agreeOnSources(t require.TestingT, meta analytics.Meta) {
	for _, got := range meta.Sources {
		var newest *domain.AccountRead
		for _, ev := range o.w.Events {
			read, ok := ev.Data.(domain.AccountRead)
			if ok && read.SocialAccount == got.SocialAccount && o.seesAll(read.Tenant, read.Platform) && (newest == nil || read.CapturedAt.After(newest.CapturedAt)) {
				newest = &read
			}
		}
		if !o.ownedNow(got.SocialAccount) || newest == nil {
			continue // its status is no matter of figures
		}
		var lacks, gaps []string
		for _, metric := range o.metrics {
			if !o.figures[got.SocialAccount][metric] {
				given := slices.ContainsFunc(newest.Figures, func(f domain.Figure) bool { return f.Name == metric })
				if !given {
					lacks = append(lacks, metric+" (unsupported)")
				} else if len(o.figures[got.SocialAccount]) > 0 {
					why := "nothing was read in this range"
					switch dates := o.wholeDates(o.q.Range.From, o.q.Range.To); {
					case len(dates) == 0:
						why += ", which has no whole day"
					case !slices.ContainsFunc(dates, o.isOver):
						why = "nothing was read yet of the days of this range, which are not over"
					}
					gaps = append(gaps, "Of "+metric+", "+why+".")
				}
			}
			if gap := o.gaps[got.SocialAccount][metric]; gap != "" {
				gaps = append(gaps, gap)
			}
		}
		status, reasons := analytics.SourceOK, gaps
		switch {
		case len(lacks) == len(o.metrics):
			status, reasons = analytics.SourceUnsupported, []string{"Its platform does not give " + strings.Join(o.metrics, " and ") + " of an account."}
		case len(lacks) > 0:
			status, reasons = analytics.SourcePartial, append([]string{"Its newest reading lacks " + strings.Join(lacks, ", ") + "."}, gaps...)
		case len(o.figures[got.SocialAccount]) == 0:
			status, reasons = analytics.SourcePartial, []string{o.whyNothing(got.AccountID)}
		case len(gaps) > 0:
			status = analytics.SourcePartial
		}
		require.Equal(t, status, got.Status, "source %d: %s", got.SocialAccount, got.Reason)
		require.Equal(t, strings.Join(reasons, " "), got.Reason, "source %d", got.SocialAccount)
	}
}

// whyNothing says why nothing was read of an account's pages.
func (o *oracle) whyNothing(account string) string {
	r := o.q.Range
	for _, entity := range o.w.Directory {
		s, ok := entity.(domain.DirectorySubscription)
		if ok && (s.AccountID == account || s.AccountID == o.scope.ParentAccount) && s.StartsAt.Before(r.To) && (s.EndsAt == nil || s.EndsAt.After(r.From)) {
			if !r.Now.IsZero() && r.Now.Before(r.From) {
				return "This range has not begun."
			}
			if len(o.wholeDates(r.From, r.To)) == 0 && !slices.Contains(o.metrics, domain.MetricFollowers) {
				return "Nothing of it was read in this range, which has no whole day."
			}
			return "Nothing of it was read in this range."
		}
	}
	return "No subscription ran in this range, and without one nothing is read."
}

// asRead lists the rolling figures of metrics.
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
					Metric: metric, Kind: domain.Rolling, Window: h.figure.Window, Value: o.uses(h),
					SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt,
				})
			}
		}
	}
	return out
}

func (o *oracle) accountInsights() analytics.AccountInsights {
	var want analytics.AccountInsights
	o.metrics = []string{domain.MetricFollowers, domain.MetricEngagement}
	totals := func(platforms []domain.Platform) analytics.AccountTotals {
		return analytics.AccountTotals{
			Followers: o.stock(domain.MetricFollowers, platforms), Engagement: o.gain(domain.MetricEngagement, platforms),
		}
	}
	want.Total = totals(o.q.Platforms)
	for _, p := range o.q.Platforms {
		want.Platforms = append(want.Platforms, analytics.PlatformInsights{
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
