package analytics

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// probe asks for the last (or first) raw reading of a figure in [from, to); a zero from means ever.
type probe struct {
	series *metricSeries
	key    gaugeKey
	from   time.Time
	to     time.Time
	set    func(*sample)
	seen   bool // only readings that the scope sees count
}

// readValues finds what the gauges stood at where spans begin and end. Roll-ups know the last reading of each whole
// UTC day; only where a span ends inside of one that has a later reading, and for accounts that were not read in the days
// before a period, are raw readings looked up: one index probe each, all in one statement.
func (qc *queryContext) readValues(ctx context.Context, series []*metricSeries) error {
	loaded := qc.figureSpan()
	var probes []probe
	for _, s := range series {
		for key, g := range s.gauges {
			upTo := time.Time{}
			if key.kind == domain.Rolling { // it has no steps
				upTo = qc.query.Range.From
			}
			probes = append(probes, g.lookUp(s, key, loaded.of(s.metric), upTo)...)
			probes = append(probes, qc.lookUpSeen(s, key, g)...)
		}
	}
	if err := qc.probe(ctx, probes, lastReading); err != nil {
		return err
	}
	var firsts []probe
	for _, s := range series {
		for key, g := range s.gauges {
			g.carryOver()
			if key.kind != domain.Rolling && len(s.spans) > 0 {
				firsts = append(append(firsts, g.lookUpFirst(s, key)...), g.lookUpLate(s, key)...)
			}
		}
	}
	return qc.probe(ctx, firsts, firstReading)
}

// lookUpSeen returns the probes for what the scope saw last, before a period began or the year before ended, of a stock that
// was another one's by then.
func (qc *queryContext) lookUpSeen(s *metricSeries, key gaugeKey, g *gauge) (probes []probe) {
	if key.kind != domain.Stock || s.spells == nil {
		return nil
	}
	instants := []time.Time{qc.query.Range.From}
	if qc.query.seriesCompared() {
		instants = append(instants, qc.compared.From)
	}
	if qc.query.Compare == CompareYear {
		instants = append(instants, qc.compared.To)
	}
	g.seenBefore = map[time.Time]*sample{}
	for _, at := range instants {
		if !qc.sees(ownerBefore(s.spells.read, at)) {
			probes = append(probes, probe{s, key, time.Time{}, at, func(p *sample) { g.seenBefore[at] = p }, true})
		}
	}
	return probes
}

// carried stands for "as at the end of the span before" until [gauge.carryOver].
var carried = new(sample)

// lookUp fills in the values that the roll-up knows, and returns probes for the others; up to the given instant none are
// needed.
func (g *gauge) lookUp(s *metricSeries, key gaugeKey, loaded figureSpan, upTo time.Time) (probes []probe) {
	if len(s.spans) == 0 {
		return nil
	}
	g.values = make([]*sample, len(s.spans)+1)
	for i := range g.values {
		at, since := s.spans[0].from, time.Time{}
		if i > 0 {
			at, since = s.spans[i-1].to, s.spans[i-1].from
		}
		if !at.After(upTo) {
			continue
		}
		found, known := g.lastBefore(at, since, loaded)
		if g.values[i] = found; !known {
			probes = append(probes, probe{s, key, time.Time{}, at, func(p *sample) { g.values[i] = p }, key.kind == domain.Rolling})
		}
	}
	return probes
}

// lastBefore is the last reading before an instant by what is known of whole UTC days, [carried] when there is none from
// since on. known means that no raw reading needs to be looked for.
func (g *gauge) lastBefore(at, since time.Time, loaded figureSpan) (last *sample, known bool) {
	for d := dayOf(at.Add(-time.Nanosecond).UTC()); loaded.has(domain.Cumulative, d) && !loaded.between.has(d); d-- {
		switch p := g.daily.of(d); {
		case p != nil && p.at.Before(at):
			return p, true
		case p != nil:
			return nil, false
		case !d.utc().After(since):
			return carried, true
		}
	}
	return nil, false
}

// carryOver resolves [carried].
func (g *gauge) carryOver() {
	for i := range g.values {
		if g.values[i] == carried {
			g.values[i] = g.values[i-1]
		}
	}
}

// lookUpFirst returns the probe for the first reading of all, if it lies in a span.
func (g *gauge) lookUpFirst(s *metricSeries, key gaugeKey) []probe {
	for i, span := range s.spans {
		if g.values[i] == nil && g.values[i+1] != nil {
			return []probe{{s, key, span.from, span.to, func(p *sample) { g.first, g.gaps = p, true }, false}}
		}
	}
	return nil
}

// lastIn is the last reading in a span; nil without one.
func (g *gauge) lastIn(s *metricSeries, i int) *sample {
	if p := g.values[i+1]; p != nil && !p.at.Before(s.spans[i].from) {
		return p
	}
	return nil
}

// latest is the last reading in the range that the scope sees, whether days count beside it or not; nil without one.
func (qc *queryContext) latest(s *metricSeries, g *gauge) (last *sample) {
	first, end := s.within(qc.query.Range.From, qc.query.Range.To)
	for i := first; i < end; i++ {
		if p := g.lastIn(s, i); p != nil && qc.sees(s.ownerIn(s.spans[i])) && qc.sees(p.owner) {
			last = p
		}
	}
	return last
}

// step is what the gauge gained in a span, and since which reading: nil when none in it has a known gain. The first reading of
// all is a baseline and gains nothing.
func (g *gauge) step(s *metricSeries, i int) (gained int64, since *sample) {
	last, before := g.lastIn(s, i), g.values[i]
	if before == nil {
		before = g.first
	}
	if last == nil || before == nil || last.at.Equal(before.at) {
		return 0, nil
	}
	return last.value - before.value, before
}

// nearBefore is how far back a reading is looked for first. Without it every probe would open every
// monthly partition; only for the few accounts that were not read for so long is it gone further back.
const nearBefore = 40 * 24 * time.Hour

// Which reading of its span a probe finds.
const (
	lastReading  = "desc"
	firstReading = "asc"
)

// probe calls set for each probe that finds a reading.
func (qc *queryContext) probe(ctx context.Context, probes []probe, which string) error {
	if len(probes) == 0 {
		return nil
	}
	n := len(probes)
	social, from, near, to := make([]int64, n), make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	metric, kind, window, seen := make([]string, n), make([]string, n), make([]string, n), make([]bool, n)
	for i, p := range probes {
		social[i], metric[i], seen[i] = p.series.social, p.series.metric, p.seen
		kind[i], window[i], from[i], near[i], to[i] = string(p.key.kind), p.key.window, p.from, p.from, p.to
		if which == lastReading {
			near[i] = later(p.from, p.to.Add(-nearBefore))
		}
	}
	last := func(lower, upper string) string {
		return fmt.Sprintf(`(
			select f.value, r.captured_at, f.source, r.account_id, r.member_id
			from tSAccountIns r
			cross join lateral (
				select f.value, f.source
				from jsonb_to_recordset(r.figures) as f(name text, kind text, value bigint, source text, day text, "window" text)
				where f.name = p.metric and f.kind = p.kind and (p.kind <> 'rolling' or coalesce(f."window", '') = p.win)
				order by f.day desc nulls last, f.source, f."window" limit 1) f
			where r.social_account_id = p.social and r.captured_at >= %s and r.captured_at < %s and r.parent_account = $1
			  and (not p.seen or ($9::text[] is null or r.account_id = any($9)) and ($10::bigint = 0 or r.member_id = $10))
			order by r.captured_at %s limit 1)`, lower, upper, which)
	}
	rows, _ := qc.tx.Query(ctx, `
		select p.n, r.value, r.captured_at, r.source, r.account_id, r.member_id
		from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $11::boolean[])
			with ordinality as p(social, metric, kind, win, lower, near, upper, seen, n)
		cross join lateral (`+last("p.near", "p.upper")+" union all "+last("p.lower", "p.near")+` limit 1) r`,
		qc.scope.ParentAccount, social, metric, kind, window, from, near, to, qc.scope.Accounts, qc.query.Member, seen)
	var at int
	var found sample
	var of origin
	return forEach(rows, "read last readings", []any{&at, &found.value, &found.at, &of.source, &of.owner.account, &of.owner.member}, func() {
		found.origin = new(of)
		probes[at-1].set(new(found))
	})
}

// longStep is the longest time between two readings whose difference is not named: what was gained in more stands at the
// later reading, but nobody knows when it came about.
const longStep = 35 * 24 * time.Hour

// steps calls each for the readings of the spans from first to end-1 that are the last of a UTC day or of a span, with the
// one before and the span.
func (g *gauge) steps(s *metricSeries, first, end int, each func(before, last *sample, in span)) {
	if first == end {
		return
	}
	before := cmp.Or(g.values[first], g.first)
	for i := first; i < end; i++ {
		in := s.spans[i]
		look := func(p *sample) {
			if p == nil || p.at.Before(in.from) || !p.at.Before(in.to) || before != nil && !p.at.After(before.at) {
				return
			}
			if before != nil {
				each(before, p, in)
			}
			before = p
		}
		for d := dayOf(in.from.UTC()); d.utc().Before(in.to); d++ {
			look(g.daily.of(d))
		}
		look(g.lastIn(s, i))
	}
}

// lookUpLate returns probes for the first readings of those days of which only they can tell whether they came late.
func (g *gauge) lookUpLate(s *metricSeries, key gaugeKey) (probes []probe) {
	if g.steady(s.spans[0].from) {
		return nil
	}
	g.steps(s, 0, len(s.spans), func(before, last *sample, in span) {
		if last.at.Sub(before.at) <= longStep {
			return
		}
		g.gaps = true
		if begins := later(in.from, dayOf(last.at.UTC()).utc()); begins.Sub(before.at) <= longStep {
			probes = append(probes, probe{s, key, begins, last.at, func(p *sample) { last.firstAt = &p.at }, false})
		}
	})
	return probes
}

// steady reports whether so few days lie between the readings, from the last one before an instant on, that no step is longer
// than [longStep]: days tell it of most gauges, at a fraction of what a walk over the steps costs.
func (g *gauge) steady(from time.Time) bool {
	const most = day(longStep/(24*time.Hour)) - 1
	before := g.values[0]
	if before == nil {
		return false
	}
	last := dayOf(before.at.UTC())
	for d := dayOf(from.UTC()); d < g.daily.first+day(len(g.daily.samples)); d++ {
		if g.daily.of(d) == nil {
			continue
		}
		if d-last > most {
			return false
		}
		last = d
	}
	return true
}

// late reports whether a reading came more than [longStep] after the one before.
func (p *sample) late(before *sample) bool {
	at := p.at
	if p.firstAt != nil {
		at = *p.firstAt
	}
	return at.Sub(before.at) > longStep
}
