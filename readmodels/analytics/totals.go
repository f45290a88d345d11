package analytics

import (
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Total is one metric over a range, for one social account or for several.
//
// Stock (followers, posts): `value` is the sum of each account's last reading in the range, `change` what they gained in it.
// Cumulative and day flow (engagement, impressions, views): `value` is the sum of what each account gained in the range, by
// its readings or by the platform's days that begin in it. An account without such a figure is left out, never taken as 0;
// `meta.sources` says why it has none.
//
// A gain belongs to a reading: the difference to the last one before it of the account, however old. So the parts of a range
// add up to it. The first reading of all is a baseline and gains nothing. Of an account that moved between clients or
// members of the agency a step is his who had it at the later reading, a day his who had it when the day ended.
//
// `previous` is, of a stock, where `change` counts from; else what the same accounts gained in the previous period, day flows
// day by day with the days that both have. That period lies right before the range and is as long; while the range has not
// ended it is as long as what has elapsed, today included: on the 20th, this month is compared with the 20 days before it.
// With compare=year it is the same dates one year before, and a stock is compared with where it stood at their end, unless the
// account was first read after it; with compare=none there is none.
type Total struct {
	// Value is null when no account has the figure in the range.
	Value *int64 `json:"value"`
	// Previous is the comparison's other side, over the accounts and days that both sides have; null
	// when there is none.
	Previous *int64 `json:"previous"`
	// Change is the compared part of `value` less `previous`; null with `previous`.
	Change *int64 `json:"change"`
	// ChangePct is `change` in per cent of `previous`, with two decimals, both without the accounts whose stock was first read
	// in the range; null with `no_baseline`, where that is not positive, with `gained_since`, and where a gain of the previous
	// period took as long.
	ChangePct *float64 `json:"change_pct"`
	// NoBaseline says that the figure was read in the range and that there is nothing to compare it
	// with: `change` is null then, never 0 % or 100 %, or what a stock gained since its first reading, in the range.
	NoBaseline bool `json:"no_baseline"`
	// ComparedInPart says that accounts or days of one period have no counterpart in the other: they are in neither `change`
	// nor `previous`, which compare `previous` plus `change` with `previous`. So does a stock of an account that was first
	// read in the range: its `change` counts from that reading.
	ComparedInPart bool `json:"compared_in_part"`
	// GainedSince is the oldest reading that a gain in the range counts from although the next one came more than 35 days
	// after it: nobody knows when that gain came about. Null: there is none.
	GainedSince *time.Time `json:"gained_since"`
	// Accounts is how many social accounts `value` is made of.
	Accounts int `json:"accounts"`
	// Kinds are the kinds of figures in `value`: stock, cumulative, day_flow.
	Kinds []domain.Kind `json:"kinds"`
	// SourceMetrics are the platforms' names of what `value`, and what it is compared with, are made of.
	SourceMetrics []string `json:"source_metrics"`
}

// metricValue is what one series adds to a [Total] and to a series.
type metricValue struct {
	*metricSeries

	of    func(owner) bool // whose
	zone  *time.Location
	kinds []domain.Kind
	// value, and of it the part that has a counterpart; nil when there is none.
	value, compared, previous *int64
	comparedInPart            bool
	joined                    bool    // of a stock: nobody had read it before the range
	movedAway                 bool    // of a stock: the newest reading in the range is another owner's
	since                     *sample // as [Total] has it
	noPct                     bool    // a step in it, or in what it is compared with, took too long

	gained   []*int64 // in each bucket
	standing []*int64 // stocks: the last reading in each bucket
	before   *int64   // stocks: where they stood before the range
	sources  []string // each once
	read     *metricRead
}

// stockValue is the value of a metric of which the last reading counts; nil when it was not read in
// the range.
func (qc *queryContext) stockValue(s *metricSeries, buckets []bucket) *metricValue {
	g := s.gauges[gaugeKey{kind: domain.Stock}]
	if g == nil {
		return nil
	}
	r := qc.query.Range
	v := &metricValue{metricSeries: s, of: qc.sees, zone: r.Zone, kinds: []domain.Kind{domain.Stock}, standing: make([]*int64, len(buckets))}
	last := g.last(r.From, r.To, v.counts)
	if last == nil {
		return nil
	}
	qc.noteSample(v, last)
	v.value = &last.value
	for i, b := range buckets {
		if p := g.last(b.From, b.To, v.counts); p != nil {
			v.standing[i] = &p.value
		}
	}
	if before := g.last(time.Time{}, r.From, v.counts); before != nil {
		v.before = &before.value
	}
	newest := g.last(r.From, r.To, func(*sample) bool { return true })
	v.movedAway = !v.of(newest.owner)
	v.joined = g.search(r.From) == 0 // of any owner: a step from another owner's reading is compared
	if qc.comparesStock(v, g) {
		if gained := v.gainedIn(g, qc.compared.To, r.To); gained != nil {
			v.compared, v.previous = v.value, new(*v.value-*gained)
		}
		v.late(g, qc.compared.To, r.From, func(_, _ *sample) { v.noPct = true })
		v.comparedInPart = v.previous != nil && v.joined
	}
	v.gained = v.bucketed(buckets, func(b bucket) *int64 { return v.gainedIn(g, b.From, b.To) })
	qc.noteSince(v, g)
	return v
}

// comparesStock reports whether a stock that has a value is compared: with the year before only where it stood somewhere then.
// The period right before ends where the range begins, so that the first reading in the range can stand for it.
func (qc *queryContext) comparesStock(v *metricValue, g *gauge) bool {
	return !qc.uncompared && (qc.query.Compare != CompareYear || g.last(time.Time{}, qc.compared.To, v.counts) != nil)
}

// gainedValue is what a metric gained that counts what was added: the platform's days where there are any, else steps
// of a counter; nil when nothing of it was read. If the period before has more of it than is compared, it says so, also
// where the range has nothing.
func (qc *queryContext) gainedValue(s *metricSeries, buckets []bucket, of func(owner) bool) *metricValue {
	v := &metricValue{metricSeries: s, of: of, zone: qc.query.Range.Zone}
	days := qc.dayFlowValue(v)
	g := s.gauges[gaugeKey{kind: domain.Cumulative}]
	if g != nil {
		qc.counterValue(v, g)
	}
	if !qc.uncompared {
		earlier := *v
		all := earlier.gainedOf(qc.compared.whole(), days, g)
		v.comparedInPart = v.comparedInPart || all != nil && (v.previous == nil || *v.previous != *all)
	}
	if v.read == nil && !v.comparedInPart {
		return nil
	}
	v.gained = v.bucketed(buckets, func(b bucket) *int64 { return v.gainedOf(b, days, g) })
	return v
}

// gainedOf is what the owners' days and readings in a bucket gained; nil when of none it is known.
func (v *metricValue) gainedOf(b bucket, days byDay, g *gauge) *int64 {
	var sum tally
	for d := b.first; d < b.end; d++ {
		if p := days.of(d); p != nil {
			sum.addKnown(&p.value)
		}
	}
	if g != nil {
		sum.addKnown(v.gainedIn(g, b.From, b.To))
	}
	return sum.value()
}

// dayFlowValue adds the platform's days that begin in the range, compared day by day. It returns all of the owners' days.
func (qc *queryContext) dayFlowValue(v *metricValue) byDay {
	if len(v.flows.samples) == 0 {
		return byDay{}
	}
	days := qc.flowDays(v.metricSeries, v.of)
	first, end := qc.query.Range.flowDays()
	comparedDays := qc.comparedDays()
	var value, compared, previous tally
	for d := first; d < end; d++ {
		now := days.of(d)
		if now == nil {
			continue
		}
		qc.noteSample(v, now)
		value.addKnown(&now.value)
		if qc.uncompared {
			continue
		}
		then := days.all(comparedDays(d))
		if len(then) == 0 {
			v.comparedInPart = true
			continue
		}
		compared.addKnown(&now.value)
		for _, p := range then {
			qc.noteSample(v, p)
			previous.addKnown(&p.value)
		}
	}
	v.value, v.compared, v.previous = value.value(), compared.value(), previous.value()
	if v.value != nil {
		v.kinds = append(v.kinds, domain.DayFlow)
		v.read.days = append(v.read.days, days)
	}
	return days
}

// counterValue adds what the steps of a cumulative counter gained in the range.
func (qc *queryContext) counterValue(v *metricValue, g *gauge) {
	r := qc.query.Range
	last := g.last(r.From, r.To, v.counts)
	if last == nil {
		return
	}
	qc.noteSample(v, last)
	v.kinds = append(v.kinds, domain.Cumulative)
	if first := (*g)[0]; !first.at.Before(r.From) && v.of(first.owner) {
		v.read.gap = fmt.Sprintf("it was first read on %s; what it gained before is not known", qc.date(first))
	}
	qc.noteSince(v, g)
	gained := v.gainedIn(g, r.From, r.To)
	if gained == nil {
		return
	}
	v.value = plus(v.value, *gained)
	if qc.uncompared {
		return
	}
	if before := v.gainedIn(g, qc.compared.From, qc.compared.To); before != nil {
		v.compared, v.previous = plus(v.compared, *gained), plus(v.previous, *before)
		v.late(g, qc.compared.From, qc.compared.To, func(_, _ *sample) { v.noPct = true })
	} else if v.previous != nil {
		v.comparedInPart = true
	}
}

// counts reports whether a reading belongs to the owners, on a day without a day flow.
func (v *metricValue) counts(p *sample) bool {
	return v.of(p.owner) && (len(v.flows.samples) == 0 || v.flows.of(dayOf(p.at.In(v.zone))) == nil)
}

// gainedIn is what the owners' readings in [from, to) gained; nil when of none it is known.
func (v *metricValue) gainedIn(g *gauge, from, to time.Time) *int64 {
	var sum tally
	g.steps(from, to, func(before, p *sample) {
		if !v.counts(p) {
			return
		}
		if sum.n == 0 && v.of(before.owner) {
			v.noteSource(before)
		}
		sum.add(tally{p.value - before.value, 1})
	})
	return sum.value()
}

func (*metricValue) bucketed(buckets []bucket, of func(bucket) *int64) []*int64 {
	out := make([]*int64, len(buckets))
	for i, b := range buckets {
		out[i] = of(b)
	}
	return out
}

// noteSince notes the steps in the range that took so long that nobody knows when they came about.
func (qc *queryContext) noteSince(v *metricValue, g *gauge) {
	r := qc.query.Range
	v.late(g, r.From, r.To, func(before, last *sample) {
		v.noPct = true
		if v.since == nil {
			v.since = before
		}
		v.read.gap = fmt.Sprintf("it was not read from %s to %s; what it gained between counts on the latter", qc.date(before), qc.date(last))
	})
}

// late calls each for the steps of the owners' readings in [from, to) that took longer than [longStep].
func (v *metricValue) late(g *gauge, from, to time.Time, each func(before, p *sample)) {
	g.steps(from, to, func(before, p *sample) {
		if p.at.Sub(before.at) > longStep && v.counts(p) {
			each(before, p)
		}
	})
}

func (qc *queryContext) date(p *sample) string { return dayOf(p.at.In(qc.query.Range.Zone)).String() }

// noteSample notes that a value rests on a reading.
func (qc *queryContext) noteSample(v *metricValue, p *sample) {
	qc.noteCapture(&p.at)
	if v.read == nil {
		v.read = qc.noteMetric(v.social, v.metric)
	}
	if r := qc.query.Range; qc.sees(p.owner) && !p.at.Before(r.From) && p.at.Before(r.To) && (v.read.last == nil || p.at.After(*v.read.last)) {
		v.read.last = &p.at
	}
	v.noteSource(p)
}

func (v *metricValue) noteSource(p *sample) {
	if !slices.Contains(v.sources, p.source) {
		v.sources = append(v.sources, p.source)
	}
}

// isGained reports whether a metric counts what was added: followers and posts count what there is.
func isGained(metric string) bool {
	return metric != domain.MetricFollowers && metric != domain.MetricPosts
}

// metricValues turns the series of one metric into what they add. It leaves out those without a figure.
func (qc *queryContext) metricValues(series []*metricSeries, metric string, buckets []bucket) []*metricValue {
	var out []*metricValue
	for _, s := range series {
		if s.metric != metric {
			continue
		}
		var v *metricValue
		if isGained(metric) {
			v = qc.gainedValue(s, buckets, qc.sees)
		} else {
			v = qc.stockValue(s, buckets)
		}
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

// total adds values up.
func total(values []*metricValue) Total {
	var t Total
	var value, compared, previous, grown, base tally
	var kinds []domain.Kind
	var sources []string
	for _, v := range values {
		kinds, sources = append(kinds, v.kinds...), append(sources, v.sources...)
		if v.since != nil && (t.GainedSince == nil || v.since.at.Before(*t.GainedSince)) {
			t.GainedSince = new(v.since.at.UTC())
		}
		value.addKnown(v.value)
		if v.previous != nil {
			compared.addKnown(v.compared)
			previous.addKnown(v.previous)
			if !v.joined {
				grown.addKnown(new(*v.compared - *v.previous))
				base.addKnown(v.previous)
			}
		}
		if v.comparedInPart || v.value != nil && v.previous == nil {
			t.ComparedInPart = true
		}
	}
	t.Value, t.Accounts, t.Previous = value.value(), int(value.n), previous.value()
	t.Kinds, t.SourceMetrics = sorted(kinds), sorted(sources)
	if t.Previous != nil {
		t.Change = new(compared.sum - previous.sum)
	}
	switch {
	case base.n == 0:
		t.NoBaseline = slices.ContainsFunc(values, func(v *metricValue) bool { return v.read != nil || v.value != nil })
		t.ComparedInPart = t.ComparedInPart && t.Previous != nil
	case !slices.ContainsFunc(values, func(v *metricValue) bool { return v.noPct }):
		t.ChangePct = Percent(grown.sum, base.sum, 2)
	}
	return t
}

func plus(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}
