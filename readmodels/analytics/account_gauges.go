package analytics

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// gauge lists the readings of a stock, cumulative or rolling figure in order of capture, one per
// instant: the last reading of each UTC day and owner, and those that [queryContext.readUnknown]
// adds. A reading gained the difference from the reading before it, and the gain belongs to its
// owner. If the first reading is not before [queryContext.begins], it is the first one ever.
type gauge []*sample

// sort puts the readings in order. They are tied when only the ids of their events, which were not
// read, could tell which of two at one instant counts.
func (g *gauge) sort() (tied bool) {
	if !slices.IsSortedFunc(*g, (*sample).compare) {
		slices.SortFunc(*g, (*sample).compare)
	}
	*g = slices.CompactFunc(*g, func(a, b *sample) bool {
		same := a.at.Equal(b.at)
		tied = tied || same && b.eventID == ""
		return same
	})
	return tied
}

// insert adds a reading unless there is one of its instant.
func (g *gauge) insert(p *sample) {
	if i := g.search(p.at); i == len(*g) || !(*g)[i].at.Equal(p.at) {
		*g = slices.Insert(*g, i, p)
	}
}

// search is the index of the first reading that is not before an instant.
func (g *gauge) search(at time.Time) int {
	return sort.Search(len(*g), func(i int) bool { return !(*g)[i].at.Before(at) })
}

// last is the last reading in [from, to) of some; nil without one.
func (g *gauge) last(from, to time.Time, of func(*sample) bool) *sample {
	for i := g.search(to) - 1; i >= 0 && !(*g)[i].at.Before(from); i-- {
		if p := (*g)[i]; of(p) {
			return p
		}
	}
	return nil
}

// steps calls each for the readings in [from, to) that have one before them.
func (g *gauge) steps(from, to time.Time, each func(before, p *sample)) {
	for i := max(1, g.search(from)); i < len(*g) && (*g)[i].at.Before(to); i++ {
		each((*g)[i-1], (*g)[i])
	}
}

// longStep is the longest time between two readings whose difference is not named: what was gained
// in more counts at the later reading, but nobody knows when it came about.
const longStep = 35 * 24 * time.Hour

// latest is the last reading in the range that the scope sees, also on a day that has a day flow;
// nil without one.
func (qc *queryContext) latest(g *gauge) *sample {
	return g.last(qc.query.Range.From, qc.query.Range.To, func(p *sample) bool { return qc.sees(p.owner) })
}

// probe asks for raw readings of a figure in [from, to): the last one, or all. A zero from means
// ever.
type probe struct {
	series   *metricSeries
	key      gaugeKey
	from, to time.Time
	all      bool
	seen     bool // only readings that the scope sees count
}

// readUnknown adds the readings that the roll-ups do not hold and the answer needs. Roll-ups hold
// the last reading of each UTC day and owner. Raw readings are looked up where a part of the answer
// ends before the last reading of a day, on days with readings of several owners, and for accounts
// that were not read in the days before a period: one index probe each, all in one statement.
func (qc *queryContext) readUnknown(ctx context.Context, series []*metricSeries, buckets []bucket) error {
	cuts := append(starts(buckets), qc.query.Range.From, qc.query.Range.To)
	if !qc.uncompared {
		cuts = append(cuts, qc.compared.From, qc.compared.To)
	}
	cuts = slices.DeleteFunc(cuts, func(at time.Time) bool { return dayOf(at.UTC()).utc().Equal(at) }) // days end there anyway
	loaded := qc.figureSpan()
	var probes []probe
	for _, s := range series {
		for key, g := range s.gauges {
			if key.kind == domain.Rolling { // only the last one in the range is shown
				probes = append(probes, s.inside(key, g, qc.query.Range.To)...)
				continue
			}
			probes = append(probes, s.inside(key, g, cuts...)...)
			probes = append(probes, qc.withinDays(s, key, g, loaded.end.utc())...)
			probes = append(probes, qc.beforePeriods(s, key, g, loaded)...)
		}
	}
	return qc.probe(ctx, probes)
}

// inside are probes for the last readings before instants inside of days that have later ones.
func (s *metricSeries) inside(key gaugeKey, g *gauge, cuts ...time.Time) (probes []probe) {
	for _, at := range cuts {
		day := dayOf(at.UTC())
		if i := g.search(at); i < len(*g) && dayOf((*g)[i].at) == day && day.utc().Before(at) {
			probes = append(probes, probe{s, key, day.utc(), at, false, key.kind == domain.Rolling})
		}
	}
	return probes
}

// withinDays are probes for all readings of some days: those on which the owner changes, those
// whose first reading decides whether a step was longer than [longStep], and each day of a counter
// that also has day flows.
func (qc *queryContext) withinDays(s *metricSeries, key gaugeKey, g *gauge, to time.Time) (probes []probe) {
	mixed := key.kind == domain.Cumulative && len(s.flows.samples) > 0
	g.steps(time.Time{}, to, func(before, p *sample) {
		begins := dayOf(p.at).utc()
		changed := qc.tellsOwners() && before.owner != p.owner && !before.at.Before(begins)
		if mixed || changed || p.at.Sub(before.at) > longStep && begins.Sub(before.at) <= longStep {
			probes = append(probes, probe{s, key, begins, p.at, true, false})
		}
	})
	return probes
}

// beforePeriods are probes for the last reading before a period, however old, of accounts without
// one in the few days before it. Then the first reading of the first day may be the baseline, and
// is looked up too. Stocks also need the last reading that the scope sees, if the last one of all
// is another owner's.
func (qc *queryContext) beforePeriods(s *metricSeries, key gaugeKey, g *gauge, loaded figureSpan) (probes []probe) {
	before := func(at time.Time, known day, seen bool) {
		if g.last(known.utc(), at, func(p *sample) bool { return !seen || qc.sees(p.owner) }) != nil {
			return
		}
		probes = append(probes, probe{s, key, time.Time{}, at, false, seen})
		if i := g.search(at); i < len(*g) && !seen {
			probes = append(probes, probe{s, key, later(at, dayOf((*g)[i].at).utc()), (*g)[i].at, true, false})
		}
	}
	before(qc.begins(), loaded.first, false)
	if isGained(s.metric) && loaded.between.first < loaded.between.end {
		before(qc.query.Range.From, loaded.between.end, false)
	}
	if key.kind == domain.Stock && qc.narrowed() {
		before(qc.query.Range.From, loaded.first, true)
		if qc.query.seriesCompared() {
			before(qc.compared.From, loaded.first, true)
			before(qc.compared.To, loaded.first, true)
		}
	}
	return probes
}

// nearBefore is how far back a reading is looked for first. Without it every probe would open every
// monthly partition; only for the few accounts that were not read for so long is it gone further
// back.
const nearBefore = 40 * 24 * time.Hour

// probe adds the readings that probes find to their gauges.
func (qc *queryContext) probe(ctx context.Context, probes []probe) error {
	if len(probes) == 0 {
		return nil
	}
	n := len(probes)
	social, from, near, to := make([]int64, n), make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	metric, kind, window, all, seen := make([]string, n), make([]string, n), make([]string, n), make([]bool, n), make([]bool, n)
	for i, p := range probes {
		social[i], metric[i], kind[i], window[i] = p.series.social, p.series.metric, string(p.key.kind), p.key.window
		from[i], near[i], to[i], all[i], seen[i] = p.from, later(p.from, p.to.Add(-nearBefore)), p.to, p.all, p.seen
	}
	readings := func(lower, upper string) string {
		return `(
			select f.value, r.captured_at, f.source, r.account_id, r.member_id
			from tSAccountIns r
			cross join lateral (
				select f.value, f.source
				from jsonb_to_recordset(r.figures) as f(name text, kind text, value bigint, source text, day text, "window" text)
				where f.name = p.metric and f.kind = p.kind and (p.kind <> 'rolling' or coalesce(f."window", '') = p.win)
				order by f.day desc nulls last, f.source, f."window" limit 1) f
			where r.social_account_id = p.social and r.parent_account = $1
			  and r.captured_at >= ` + lower + ` and r.captured_at < ` + upper + `
			  and (not p.seen or ($9::text[] is null or r.account_id = any($9)) and ($10::bigint = 0 or r.member_id = $10))
			order by r.captured_at desc limit p.most)`
	}
	rows, _ := qc.tx.Query(ctx, `
		select p.n, r.value, r.captured_at, r.source, r.account_id, r.member_id
		from (
			select *, case when not whole then 1 end as most
			from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
				$11::boolean[], $12::boolean[]) with ordinality as p(social, metric, kind, win, lower, near, upper, whole, seen, n)) p
		cross join lateral (`+readings("p.near", "p.upper")+" union all "+readings("p.lower", "p.near")+` limit p.most) r`,
		qc.scope.ParentAccount, social, metric, kind, window, from, near, to, qc.scope.Accounts, qc.query.Member, all, seen)
	var at int
	var found sample
	var of origin
	return forEach(rows, "read last readings", []any{
		&at, &found.value, &found.at, &of.source, &of.owner.account, &of.owner.member,
	}, func() {
		p := found
		p.origin, p.at = new(of), found.at.UTC()
		probes[at-1].series.gauges[probes[at-1].key].insert(&p)
	})
}

// sample is one reading of one figure.
type sample struct {
	*origin

	value   int64
	at      time.Time // of capture
	day     day       // the platform's, else the UTC day of capture
	eventID string    // breaks ties; "" as long as no tie needs it
}

// origin is what the samples of one month of a figure have in common: thousands are in memory at
// once.
type origin struct {
	owner  owner  // whose readings they are
	source string // the platform's name for it
	window string // breaks ties
}

// compare is the order of capture. At one instant the reading that counts comes first: the smaller
// event id, then the later day, then the first source and window by name.
func (p *sample) compare(q *sample) int {
	return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.eventID, q.eventID), cmp.Compare(q.day, p.day),
		cmp.Compare(p.source, q.source), cmp.Compare(p.window, q.window))
}

// replaces reports whether a reading of the same day counts instead of the present one: the later
// reading, or at one instant the first in order.
func (p *sample) replaces(present *sample) bool {
	if p.at.Equal(present.at) {
		return p.compare(present) < 0
	}
	return p.at.After(present.at)
}

// byDay holds samples by their days, of the days of one span: nobody asks for others.
type byDay struct {
	first   day
	samples []*sample // nil where there is none
}

// or makes room for a span unless there is.
func (d byDay) or(span figureSpan) byDay {
	if d.samples == nil {
		return byDay{span.first, make([]*sample, span.end-span.first)}
	}
	return d
}

// of is the sample of a day; nil when there is none.
func (d byDay) of(which day) *sample {
	if i := which - d.first; i >= 0 && int(i) < len(d.samples) {
		return d.samples[i]
	}
	return nil
}

// all are the samples of some days; none where one is missing.
func (d byDay) all(of days) []*sample {
	from, to := of.first-d.first, of.end-d.first
	if from < 0 || int(to) > len(d.samples) || from >= to || slices.Contains(d.samples[from:to], nil) {
		return nil
	}
	return d.samples[from:to]
}

// put keeps a sample unless one is there that it does not replace. They are tied when only the ids
// of their events, which were not read, could tell.
func (d byDay) put(of day, p *sample) (tied bool) {
	i := of - d.first
	if i < 0 || int(i) >= len(d.samples) {
		return false
	}
	present := d.samples[i]
	if present == nil || p.replaces(present) {
		d.samples[i] = p
	}
	return present != nil && p.eventID == "" && p.at.Equal(present.at)
}
