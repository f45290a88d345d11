package analytics

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// gauge lists the readings of a stock, cumulative or rolling figure in order of capture, one per
// instant: the last reading of each UTC day and owner, and the readings that
// [queryContext.readUnknown] adds. A reading gains the difference from the reading before it if both
// belong to the same client, and the gain belongs to the member at the later reading. If the first
// reading is not before [queryContext.begins], it is the first reading ever.
type gauge []*sample

// isBaseline reports whether a reading gains nothing: the first one ever, and the first one since the
// account came to its client.
func (g *gauge) isBaseline(i int) bool {
	return i == 0 || (*g)[i].owner.account != (*g)[i-1].owner.account
}

// sort orders the readings. tied reports whether two readings have the same instant and which of
// them to use depends on their event ids, which were not read.
func (g *gauge) sort() (tied bool) {
	if !slices.IsSortedFunc(*g, (*sample).compare) {
		slices.SortFunc(*g, (*sample).compare)
	}
	distinct := (*g)[:0]
	for _, p := range *g {
		if n := len(distinct); n == 0 || !p.at.Equal(distinct[n-1].at) {
			distinct = append(distinct, p)
		} else if distinct[n-1].eventID == "" {
			tied = true
		}
	}
	*g = distinct
	return tied
}

func (g *gauge) insert(p *sample) {
	if i := g.search(p.at); i == len(*g) || !(*g)[i].at.Equal(p.at) {
		*g = slices.Insert(*g, i, p)
	}
}

// search returns the index of the first reading at or after an instant.
func (g *gauge) search(at time.Time) int {
	return sort.Search(len(*g), func(i int) bool { return !(*g)[i].at.Before(at) })
}

// last returns the last reading in [from, to) that matches, or nil.
func (g *gauge) last(from, to time.Time, match func(*sample) bool) *sample {
	for i := g.search(to) - 1; i >= 0 && !(*g)[i].at.Before(from); i-- {
		if p := (*g)[i]; match(p) {
			return p
		}
	}
	return nil
}

// steps yields the readings in [from, to) that have a gain, each after the reading before it.
func (g *gauge) steps(from, to time.Time) iter.Seq2[*sample, *sample] {
	return func(yield func(before, last *sample) bool) {
		for i, end := g.search(from), g.search(to); i < end; i++ {
			if !g.isBaseline(i) && !yield((*g)[i-1], (*g)[i]) {
				return
			}
		}
	}
}

// longStep is the longest gap between two readings that is not flagged. A gain over a longer gap is
// counted at the later reading, but it is unknown when the gain occurred.
const longStep = 35 * 24 * time.Hour

// latest returns the last reading in the range that the scope can see, or nil.
func (qc *queryContext) latest(g *gauge) *sample {
	return g.last(qc.query.Range.From, qc.query.Range.To, func(p *sample) bool { return qc.sees(p.owner) })
}

// probe requests raw readings of a figure in [from, to): the last one, or all of them. If from is
// zero, there is no lower bound.
type probe struct {
	series    *metricSeries
	key       gaugeKey
	from, to  time.Time
	all       bool
	scopeOnly bool // only readings that the scope can see
}

// readUnknown adds readings that the response needs and the roll-ups lack. Roll-ups hold the last
// reading of each UTC day and owner. Raw readings are needed where an interval ends before the last
// reading of a day, on days with readings of several owners, and for accounts that were not read in
// the days before a period. Each probe needs one index lookup. One statement runs all of them.
func (qc *queryContext) readUnknown(ctx context.Context, series []*metricSeries, buckets []bucket) error {
	instants := append(starts(buckets), qc.query.Range.From, qc.query.Range.To)
	if !qc.uncompared {
		instants = append(instants, qc.compared.From, qc.compared.To)
	}
	var cuts []time.Time // within UTC days
	for _, at := range instants {
		if !dayOf(at.UTC()).utc().Equal(at) {
			cuts = append(cuts, at)
		}
	}
	loaded := qc.figureSpan()
	var probes []probe
	for _, s := range series {
		for key, g := range s.gauges {
			rolling := key.kind == domain.Rolling // only its last reading in the range is shown
			for _, at := range cuts {
				if rolling && !at.Equal(qc.query.Range.To) {
					continue
				}
				if i := g.search(at); i < len(*g) && dayOf((*g)[i].at) == dayOf(at.UTC()) {
					probes = append(probes, probe{s, key, dayOf(at.UTC()).utc(), at, false, rolling})
				}
			}
			if !rolling {
				probes = append(probes, qc.probesOfDays(s, key, g, loaded.end.utc())...)
				probes = append(probes, qc.probesBeforePeriods(s, key, g, loaded)...)
			}
		}
	}
	if len(probes) == 0 {
		return nil
	}
	return qc.probe(ctx, probes)
}

// probesOfDays returns probes for all readings of some days: days on which the client or member changes, days
// whose first reading decides whether a gap was longer than [longStep], and every day of a counter
// that also has day flows.
func (qc *queryContext) probesOfDays(s *metricSeries, key gaugeKey, g *gauge, to time.Time) (probes []probe) {
	mixed := key.kind == domain.Cumulative && len(s.flows.samples) > 0
	for i := 1; i < g.search(to); i++ {
		p, before := (*g)[i], (*g)[i-1]
		begins := dayOf(p.at).utc()
		changed := g.isBaseline(i) || qc.dependsOnOwners() && before.owner != p.owner && !before.at.Before(begins)
		if mixed || changed || p.at.Sub(before.at) > longStep && begins.Sub(before.at) <= longStep {
			probes = append(probes, probe{s, key, begins, p.at, true, false})
		}
	}
	return probes
}

// probesBeforePeriods returns probes for the last reading before a period, however old, if the
// account was not read in the few days before the period. The first reading of the first day may
// then be the baseline, so it is probed too. Stocks also need the last reading that the scope can
// see, if the last reading of all belongs to another owner.
func (qc *queryContext) probesBeforePeriods(
	s *metricSeries, key gaugeKey, g *gauge, loaded figureSpan,
) (probes []probe) {
	type start struct {
		at        time.Time
		loaded    day // the first day before it that is loaded
		scopeOnly bool
	}
	periods := []start{{qc.begins(), loaded.first, false}}
	if s.metric != domain.MetricFollowers && loaded.between.first < loaded.between.end {
		periods = append(periods, start{qc.query.Range.From, loaded.between.end, false})
	}
	if key.kind == domain.Stock && qc.isNarrowed() {
		periods = append(periods, start{qc.query.Range.From, loaded.first, true})
		if qc.query.seriesCompared() {
			periods = append(periods, start{qc.compared.From, loaded.first, true},
				start{qc.compared.To, loaded.first, true})
		}
	}
	for _, from := range periods {
		wanted := func(p *sample) bool { return !from.scopeOnly || qc.sees(p.owner) }
		if g.last(from.loaded.utc(), from.at, wanted) != nil {
			continue
		}
		probes = append(probes, probe{s, key, time.Time{}, from.at, false, from.scopeOnly})
		if i := g.search(from.at); i < len(*g) && !from.scopeOnly {
			probes = append(probes, probe{s, key, later(from.at, dayOf((*g)[i].at).utc()), (*g)[i].at, true, false})
		}
	}
	return probes
}

// nearBefore limits the first search for an older reading. Without it, every probe would open every
// monthly partition; only the few accounts that were not read for that long need the second search.
const nearBefore = 40 * 24 * time.Hour

func (qc *queryContext) probe(ctx context.Context, probes []probe) error {
	n := len(probes)
	social, from, near, to := make([]int64, n), make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	metric, kind, window := make([]string, n), make([]string, n), make([]string, n)
	all, scopeOnly := make([]bool, n), make([]bool, n)
	for i, p := range probes {
		social[i], metric[i], kind[i], window[i] = p.series.social, p.series.metric, string(p.key.kind), p.key.window
		from[i], near[i], to[i] = p.from, later(p.from, p.to.Add(-nearBefore)), p.to
		all[i], scopeOnly[i] = p.all, p.scopeOnly
	}
	readings := func(lower, upper string) string {
		return `(
			select f.value, r.captured_at, f.source, r.account_id, r.member_id
			from tSAccountIns r
			cross join lateral (
				select f.value, f.source
				from jsonb_to_recordset(r.figures)
					as f(name text, kind text, value bigint, source text, day text, "window" text)
				where f.name = p.metric and f.kind = p.kind
				  and (p.kind <> 'rolling' or coalesce(f."window", '') = p.win)
				order by f.day desc nulls last, f.source, f."window" limit 1) f
			where r.social_account_id = p.social and r.parent_account = $1
			  and r.captured_at >= ` + lower + ` and r.captured_at < ` + upper + `
			  and (not p.seen
			       or ($9::text[] is null or r.account_id = any($9)) and ($10::bigint = 0 or r.member_id = $10))
			order by r.captured_at desc limit p.most)`
	}
	rows, _ := qc.tx.Query(ctx, `
		select p.n, r.value, r.captured_at, r.source, r.account_id, r.member_id
		from (
			select *, case when not whole then 1 end as most
			from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
					$8::timestamptz[], $11::boolean[], $12::boolean[])
				with ordinality as p(social, metric, kind, win, lower, near, upper, whole, seen, n)) p
		cross join lateral (
			`+readings("p.near", "p.upper")+" union all "+readings("p.lower", "p.near")+` limit p.most) r`,
		qc.scope.ParentAccount, social, metric, kind, window, from, near, to,
		qc.scope.Accounts, qc.query.Member, all, scopeOnly)
	var at int
	var reading sample
	var readingOrigin origin
	return forEach(rows, "read last readings", []any{
		&at, &reading.value, &reading.at, &readingOrigin.source, &readingOrigin.owner.account,
		&readingOrigin.owner.member,
	}, func() {
		p := reading
		p.origin, p.at = new(readingOrigin), reading.at.UTC()
		probes[at-1].series.gauges[probes[at-1].key].insert(&p)
	})
}

// sample is one reading of one figure.
type sample struct {
	*origin

	value   int64
	at      time.Time // capture time
	day     day       // the platform's day, otherwise the UTC day of capture
	eventID string    // breaks ties; "" unless a tie needs it
}

// origin contains the values that the samples of a figure in one month share. Thousands of samples
// are in memory at once.
type origin struct {
	owner  owner
	source string // the platform's name for the metric
	window string // breaks ties
}

// compare orders samples by capture time. At the same instant, the sample to use comes first: the
// one with the smaller event id, then the later day, then the first source and window by name.
func (p *sample) compare(q *sample) int {
	return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.eventID, q.eventID), cmp.Compare(q.day, p.day),
		cmp.Compare(p.source, q.source), cmp.Compare(p.window, q.window))
}

// byDay holds samples by day.
type byDay struct {
	first   day
	samples []*sample // nil for a day without a sample
}

func (d byDay) orEmpty(span figureSpan) byDay {
	if d.samples == nil {
		return byDay{span.first, make([]*sample, span.end-span.first)}
	}
	return d
}

func (d byDay) get(which day) *sample {
	if i := which - d.first; i >= 0 && int(i) < len(d.samples) {
		return d.samples[i]
	}
	return nil
}

// all returns the samples of a span of days, or nil if any is missing.
func (d byDay) all(span days) []*sample {
	from, to := span.first-d.first, span.end-d.first
	if from < 0 || int(to) > len(d.samples) || from >= to || slices.Contains(d.samples[from:to], nil) {
		return nil
	}
	return d.samples[from:to]
}

// put stores a sample under its day unless the day has a later sample, or one of the same instant
// that sorts before it. tied reports whether the decision depends on event ids, which were not
// read.
func (d byDay) put(p *sample) (tied bool) {
	i := p.day - d.first
	present := d.samples[i]
	sameInstant := present != nil && p.at.Equal(present.at)
	if present == nil || p.at.After(present.at) || sameInstant && p.compare(present) < 0 {
		d.samples[i] = p
	}
	return sameInstant && p.eventID == ""
}
