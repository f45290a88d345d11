package readmodels

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

// contribution is what one track adds to a [Total] and to a series.
type contribution struct {
	*track

	kind domain.Kind
	// value, and of it the part that has a counterpart; nil when there is none.
	value, compared, previous *int64
	comparedInPart            bool
	// buckets are, for stocks, the last reading in each bucket, else what the bucket added.
	buckets []*int64
	before  *int64   // stocks: the last reading in the previous period
	sources []string // each once
}

// stock is the contribution of a metric of which the last reading counts; nil when it was not read in
// the range.
func (a *answering) stock(t *track) *contribution {
	l := t.levels[levelKey{kind: domain.Stock}]
	if l == nil {
		return nil
	}
	c := &contribution{track: t, kind: domain.Stock, buckets: make([]*int64, len(l.last))}
	last := l.latest()
	if last == nil {
		return nil
	}
	a.rests(c, last)
	c.value = &last.value
	for i, p := range l.last {
		if p != nil {
			c.buckets[i] = &p.value
		}
	}
	if l.before != nil {
		a.rests(c, l.before)
		c.compared, c.previous, c.before = c.value, &l.before.value, &l.before.value
	}
	return c
}

// gain is the contribution of a metric that adds up over time. Where a platform gives day flows they
// count, else the difference of a cumulative counter; nil when neither was read in the range.
func (a *answering) gain(t *track, buckets []bucket) *contribution {
	if c := a.flow(t, buckets); c != nil {
		return c
	}
	return a.difference(t)
}

func (a *answering) flow(t *track, buckets []bucket) *contribution {
	c := &contribution{track: t, kind: domain.DayFlow, buckets: make([]*int64, len(buckets))}
	first, end := a.query.Range.labels()
	for d := first; d < end; d++ {
		if p := t.flows.of(d); p != nil {
			a.rests(c, p)
			c.value = plus(c.value, p.value)
		}
	}
	if c.value == nil {
		return nil
	}
	a.readByDays(c)
	for i, b := range buckets {
		for d := b.first; d < b.end; d++ {
			if p := t.flows.of(d); p != nil {
				c.buckets[i] = plus(c.buckets[i], p.value)
			}
		}
	}
	if a.uncompared {
		return c
	}
	before, beforeEnd := a.query.Range.Previous().labels()
	for i := range end - first {
		now, then := t.flows.of(first+i), t.flows.of(before+i)
		if now == nil {
			continue
		}
		if then == nil || before+i >= beforeEnd {
			c.comparedInPart = true
			continue
		}
		a.rests(c, then)
		c.compared, c.previous = plus(c.compared, now.value), plus(c.previous, then.value)
	}
	return c
}

func (a *answering) difference(t *track) *contribution {
	l := t.levels[levelKey{kind: domain.Cumulative}]
	if l == nil {
		return nil
	}
	last := l.latest()
	if last == nil {
		return nil
	}
	c := &contribution{track: t, kind: domain.Cumulative, buckets: make([]*int64, len(l.last))}
	a.rests(c, last)
	baseline := cmp.Or(l.before, l.first)
	reached := baseline
	for i, p := range l.last {
		if p == nil {
			continue
		}
		if !p.at.Equal(reached.at) {
			c.buckets[i] = new(p.value - reached.value)
		}
		reached = p
	}
	if !baseline.at.Equal(last.at) {
		a.rests(c, baseline)
		c.value = new(last.value - baseline.value)
	}
	if l.before == nil {
		a.lacksBaseline(c, l)
		return c
	}
	if l.earlier != nil && !a.uncompared {
		a.rests(c, l.earlier)
		c.compared, c.previous = c.value, new(l.before.value-l.earlier.value)
	}
	return c
}

// lacksBaseline notes since when a counter is known whose gain in the range is not known in full.
func (a *answering) lacksBaseline(c *contribution, l *level) {
	date := func(p *point) string { return dayOf(p.at.In(a.query.Range.Zone)).String() }
	if l.stale == nil {
		a.lacks(c, fmt.Sprintf("it was first read on %s; what it gained before is not known", date(l.first)))
		return
	}
	a.lacks(c, fmt.Sprintf("it was not read from %s to %s; what it gained between is not counted", date(l.stale), date(l.first)))
}

// rests notes that a contribution rests on a reading.
func (a *answering) rests(c *contribution, p *point) {
	a.uses(p.at)
	if len(c.sources) == 0 {
		a.shows(c.social, c.metric)
	}
	if !slices.Contains(c.sources, p.source) {
		c.sources = append(c.sources, p.source)
	}
}

// contributions turns tracks of one metric into what they add; those without a figure are left out.
func (a *answering) contributions(tracks []*track, metric string, buckets []bucket) []*contribution {
	var out []*contribution
	for _, t := range tracks {
		if t.metric != metric {
			continue
		}
		var c *contribution
		if isStock(metric) {
			c = a.stock(t)
		} else {
			c = a.gain(t, buckets)
		}
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}

// isStock reports whether a metric counts what there is, and not what was added.
func isStock(metric string) bool {
	return metric == domain.MetricFollowers || metric == domain.MetricPosts
}

// total adds contributions up.
func total(contributions []*contribution) Total {
	var t Total
	var compared *int64
	var kinds []domain.Kind
	var sources []string
	for _, c := range contributions {
		kinds, sources = append(kinds, c.kind), append(sources, c.sources...)
		if c.value != nil {
			t.Value = plus(t.Value, *c.value)
			t.Accounts++
		}
		if c.previous != nil {
			compared, t.Previous = plus(compared, *c.compared), plus(t.Previous, *c.previous)
		}
		if c.comparedInPart || c.value != nil && c.previous == nil {
			t.ComparedInPart = true
		}
	}
	t.Kinds, t.SourceMetrics = sorted(kinds), sorted(sources)
	if t.Previous == nil {
		t.NoBaseline, t.ComparedInPart = len(contributions) > 0, false
		return t
	}
	t.Change = new(*compared - *t.Previous)
	t.ChangePct = percent(*t.Change, *t.Previous)
	return t
}

// percent is part in per cent of whole, with two decimals; nil where whole is not positive.
func percent(part, whole int64) *float64 {
	if whole <= 0 {
		return nil
	}
	return new(rounded(float64(part) * 100 / float64(whole)))
}

// rounded keeps two decimals.
func rounded(v float64) float64 { return math.Round(v*100) / 100 }

func plus(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

// on keeps the contributions of one platform.
func on(p domain.Platform, contributions []*contribution) []*contribution {
	var out []*contribution
	for _, c := range contributions {
		if c.platform == p {
			out = append(out, c)
		}
	}
	return out
}
