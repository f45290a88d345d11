package analytics

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Total is one metric over a range, for one social account or for several.
//
// Stock (followers, posts): the sum of each account's last reading in the range. Cumulative and day
// flow (engagement, impressions, views): the sum of what each account gained in the range, by the
// difference of its readings at the ends or by the platform's days wholly inside. An account without
// such a figure is left out, never taken as 0; `meta.sources` says why it has none.
//
// The comparison is of like with like: with each account's last reading in the previous period (stock),
// with its gain in that period (cumulative), or day by day with the days of that period which both have
// (day flow). The previous period lies right before the range and is as long; while the range has not ended
// it is as long as what has elapsed, today included: on the 20th, this month is compared with the 20 days
// before it.
//
// A reading from before the previous period is no baseline: nobody knows when its difference came about. Nor is one of
// another client or member of the agency who had the page before, for who sees only the new one; who sees both sees one page.
// Without a baseline a counter's gain counts from its first reading in the range on, as it does in the parts
// of a series; what it gained before is in no figure, and `meta.sources` says partial and why.
type Total struct {
	// Value is null when no account has the figure in the range.
	Value *int64 `json:"value"`
	// Previous is the comparison's other side, over the accounts and days that both sides have; null
	// when there is none.
	Previous *int64 `json:"previous"`
	// Change is the compared part of `value` less `previous`; null with `previous`.
	Change *int64 `json:"change"`
	// ChangePct is `change` in per cent of `previous`, with two decimals; null with `previous`, and where
	// `previous` is not positive.
	ChangePct *float64 `json:"change_pct"`
	// NoBaseline says that the figure was read in the range and that there is nothing to compare it
	// with: `change` is null then, never 0 % or 100 %.
	NoBaseline bool `json:"no_baseline"`
	// ComparedInPart says that accounts or days of `value` have no counterpart: they are in `value` and
	// in neither `change` nor `previous`. So are accounts that were connected in the range.
	ComparedInPart bool `json:"compared_in_part"`
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

	kind domain.Kind
	// value, and of it the part that has a counterpart; nil when there is none.
	value, compared, previous *int64
	comparedInPart            bool
	// buckets are, for stocks, the last reading in each bucket, else what the bucket added.
	buckets []*int64
	before  *int64   // stocks: the last reading in the previous period
	sources []string // each once
	read    *metricRead
}

// stockValue is the value of a metric of which the last reading counts; nil when it was not read in
// the range.
func (qc *queryContext) stockValue(s *metricSeries) *metricValue {
	g := s.gauges[gaugeKey{kind: domain.Stock}]
	if g == nil || g.latest() == nil {
		return nil
	}
	v, last := &metricValue{metricSeries: s, kind: domain.Stock, buckets: make([]*int64, len(g.last))}, g.latest()
	qc.noteSample(v, last)
	v.value = &last.value
	for i, p := range g.last {
		if p != nil {
			v.buckets[i] = &p.value
		}
	}
	if g.before != nil {
		qc.noteSample(v, g.before)
		v.compared, v.previous, v.before = v.value, &g.before.value, &g.before.value
	}
	return v
}

// dayFlowValue is the sum of the platform's days in the range, compared day by day; nil when none was read.
func (qc *queryContext) dayFlowValue(s *metricSeries, buckets []bucket) *metricValue {
	v := &metricValue{metricSeries: s, kind: domain.DayFlow, buckets: make([]*int64, len(buckets))}
	first, end := qc.query.Range.labels()
	before, beforeEnd := qc.query.Range.Previous().labels()
	for i := range end - first {
		now, then := s.dayFlows.of(first+i), s.dayFlows.of(before+i)
		if now == nil {
			continue
		}
		qc.noteSample(v, now)
		v.value = plus(v.value, now.value)
		switch {
		case qc.uncompared:
		case then == nil || before+i >= beforeEnd:
			v.comparedInPart = true
		default:
			qc.noteSample(v, then)
			v.compared, v.previous = plus(v.compared, now.value), plus(v.previous, then.value)
		}
	}
	if v.value == nil {
		return nil
	}
	v.read.days = append(v.read.days, s.dayFlows)
	for i, b := range buckets {
		for d := b.first; d < b.end; d++ {
			if p := s.dayFlows.of(d); p != nil {
				v.buckets[i] = plus(v.buckets[i], p.value)
			}
		}
	}
	return v
}

// counterValue is what a cumulative counter gained in the range; nil when it was not read in it.
func (qc *queryContext) counterValue(s *metricSeries) *metricValue {
	g := s.gauges[gaugeKey{kind: domain.Cumulative}]
	if g == nil || g.latest() == nil {
		return nil
	}
	v, last := &metricValue{metricSeries: s, kind: domain.Cumulative, buckets: make([]*int64, len(g.last))}, g.latest()
	qc.noteSample(v, last)
	baseline := cmp.Or(g.before, g.first)
	reached := baseline
	for i, p := range g.last {
		if p == nil {
			continue
		}
		if !p.at.Equal(reached.at) {
			v.buckets[i] = new(p.value - reached.value)
		}
		reached = p
	}
	if !baseline.at.Equal(last.at) {
		qc.noteSample(v, baseline)
		v.value = new(last.value - baseline.value)
	}
	if g.before == nil {
		qc.lacksBaseline(v, g)
		return v
	}
	if g.earlier != nil && !qc.uncompared {
		qc.noteSample(v, g.earlier)
		v.compared, v.previous = v.value, new(g.before.value-g.earlier.value)
	}
	return v
}

// lacksBaseline notes since when a counter is known whose gain in the range is not known in full.
func (qc *queryContext) lacksBaseline(v *metricValue, g *gauge) {
	date := func(p *sample) string { return dayOf(p.at.In(qc.query.Range.Zone)).String() }
	gap := fmt.Sprintf("it was first read on %s; what it gained before is not known", date(g.first))
	if g.stale != nil {
		gap = fmt.Sprintf("it was not read from %s to %s; what it gained between is not counted", date(g.stale), date(g.first))
	}
	v.read.gap = cmp.Or(v.read.gap, gap)
}

// noteSample notes that a value rests on a reading.
func (qc *queryContext) noteSample(v *metricValue, p *sample) {
	qc.noteCapture(&p.at)
	if v.read == nil {
		v.read = qc.noteMetric(v.social, v.metric)
	}
	if !slices.Contains(v.sources, p.source) {
		v.sources = append(v.sources, p.source)
	}
}

// metricValues turns the series of one metric into what they add. It leaves out those without a figure. For figures
// that add up it takes the platform's day flows where there are any, otherwise the difference of the counter.
func (qc *queryContext) metricValues(series []*metricSeries, metric string, buckets []bucket) []*metricValue {
	var out []*metricValue
	for _, s := range series {
		if s.metric != metric {
			continue
		}
		var v *metricValue
		if metric == domain.MetricFollowers || metric == domain.MetricPosts { // they count what there is, not what was added
			v = qc.stockValue(s)
		} else if v = qc.dayFlowValue(s, buckets); v == nil {
			v = qc.counterValue(s)
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
	var compared *int64
	var kinds []domain.Kind
	var sources []string
	for _, v := range values {
		kinds, sources = append(kinds, v.kind), append(sources, v.sources...)
		if v.value != nil {
			t.Value = plus(t.Value, *v.value)
			t.Accounts++
		}
		if v.previous != nil {
			compared, t.Previous = plus(compared, *v.compared), plus(t.Previous, *v.previous)
		}
		if v.comparedInPart || v.value != nil && v.previous == nil {
			t.ComparedInPart = true
		}
	}
	t.Kinds, t.SourceMetrics = sorted(kinds), sorted(sources)
	if t.Previous == nil {
		t.NoBaseline, t.ComparedInPart = len(values) > 0, false
		return t
	}
	t.Change = new(*compared - *t.Previous)
	t.ChangePct = ratio(*t.Change, *t.Previous, 100)
	return t
}

// ratio is part / whole × times, with two decimals; nil where whole is not positive.
func ratio(part, whole int64, times float64) *float64 {
	if whole <= 0 {
		return nil
	}
	return new(rounded(float64(part) * times / float64(whole)))
}

// rounded keeps two decimals.
func rounded(v float64) float64 { return math.Round(v*100) / 100 }

func plus(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}
