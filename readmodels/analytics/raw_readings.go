package analytics

import (
	"context"
	"fmt"
	"slices"
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
}

// resolve finds the last reading in each bucket and the readings before the range. Roll-ups know the
// last reading of each whole UTC day; only where an end lies inside of one that has a later reading, and for
// accounts that were not read in the days before the range, are raw readings looked up: one index probe
// each, all in one statement.
func (qc *queryContext) resolve(ctx context.Context, series []*metricSeries, buckets []bucket) error {
	var probes []probe
	for _, s := range series {
		for key, g := range s.gauges {
			g.last = make([]*sample, len(buckets))
			read := false
			for i, b := range buckets {
				last, unsure := lastOfDays(g.daily, b.From, b.To)
				g.last[i] = last
				read = read || last != nil || unsure
				if unsure {
					probes = append(probes, probe{s, key, b.From, b.To, func(p *sample) { g.last[i] = p }})
				}
			}
			if key.kind == domain.Rolling || !read {
				continue
			}
			before := func(period Range, set func(*sample)) {
				last, _ := lastOfDays(g.daily, later(period.From, period.To.AddDate(0, 0, -lookBack)), period.To)
				if set(last); last == nil {
					probes = append(probes, probe{s, key, period.From, period.To, set})
				}
			}
			previous := qc.query.Range.Previous()
			before(previous, func(p *sample) { g.before = p })
			if key.kind == domain.Cumulative {
				before(previous.Previous(), func(p *sample) { g.earlier = p })
			}
		}
	}
	if err := qc.probe(ctx, probes, lastReading); err != nil {
		return err
	}
	return qc.resolveFirst(ctx, series)
}

// resolveFirst finds, of counters without a baseline, the first reading in the range and the last ever before:
// few have none, those that were just connected or not read for long.
func (qc *queryContext) resolveFirst(ctx context.Context, series []*metricSeries) error {
	var firsts, stales []probe
	key := gaugeKey{kind: domain.Cumulative}
	for _, s := range series {
		g := s.gauges[key]
		if g == nil || g.before != nil {
			continue
		}
		if i := slices.IndexFunc(g.last, func(p *sample) bool { return p != nil }); i >= 0 {
			r := qc.query.Range
			g.first = g.last[i]
			firsts = append(firsts, probe{s, key, r.From, g.last[i].at.Add(time.Microsecond), func(p *sample) { g.first = p }})
			stales = append(stales, probe{s, key, time.Time{}, r.Previous().From, func(p *sample) { g.stale = p }})
		}
	}
	if err := qc.probe(ctx, firsts, firstReading); err != nil {
		return err
	}
	return qc.probe(ctx, stales, lastReading)
}

// lastOfDays returns the last reading in [from, to) by what is known of whole UTC days; unsure means
// that only the raw readings can tell.
func lastOfDays(daily byDay, from, to time.Time) (last *sample, unsure bool) {
	for d := dayOf(to.Add(-time.Nanosecond).UTC()); d >= dayOf(from.UTC()); d-- {
		p := daily.of(d)
		switch {
		case p == nil:
			continue
		case !p.at.Before(to):
			return nil, true
		case p.at.Before(from):
			return nil, false
		default:
			return p, false
		}
	}
	return nil, false
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
	account, metric, kind, window := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, p := range probes {
		social[i], account[i], metric[i] = p.series.social, p.series.account, p.series.metric
		kind[i], window[i], from[i], near[i], to[i] = string(p.key.kind), p.key.window, p.from, p.from, p.to
		if which == lastReading {
			near[i] = later(p.from, p.to.Add(-nearBefore))
		}
	}
	last := func(lower, upper string) string {
		return fmt.Sprintf(`(
			select f.value, r.captured_at, f.source
			from tSAccountIns r
			cross join lateral (
				select f.value, f.source
				from jsonb_to_recordset(r.figures) as f(name text, kind text, value bigint, source text, day text, "window" text)
				where f.name = p.metric and f.kind = p.kind and (p.kind <> 'rolling' or coalesce(f."window", '') = p.win)
				order by f.day desc nulls last, f.source, f."window" limit 1) f
			where r.social_account_id = p.social and r.captured_at >= %s and r.captured_at < %s
			  and r.parent_account = $1 and ($2::text[] is null or r.account_id = any($2))
			  and (p.account = '' or r.account_id = p.account) and ($11::bigint = 0 or r.member_id = $11)
			order by r.captured_at %s limit 1)`, lower, upper, which)
	}
	rows, _ := qc.tx.Query(ctx, `
		select p.n, r.value, r.captured_at, r.source
		from unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
			with ordinality as p(social, account, metric, kind, win, lower, near, upper, n)
		cross join lateral (`+last("p.near", "p.upper")+" union all "+last("p.lower", "p.near")+` limit 1) r`,
		qc.scope.ParentAccount, qc.scope.Accounts, social, account, metric, kind, window, from, near, to, qc.query.Member)
	var at int
	var found sample
	return forEach(rows, "read last readings", []any{&at, &found.value, &found.at, &found.source}, func() {
		probes[at-1].set(new(found))
	})
}
