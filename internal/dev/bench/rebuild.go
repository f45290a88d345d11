package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// rebuilds measures the rebuild of one projection by the program as a process, beside COPY of the finished rows. Two
// generations are made: the first in an empty database, while the projection is paused; the second, which is measured,
// beside the first, which is followed, read and verified against.
func (b *bench) rebuilds(ctx context.Context, w rebuildWorld, print func(result) error) (err error) {
	r, err := b.openRebuilding(ctx, w)
	if err != nil {
		return err
	}
	defer r.close()
	began := time.Now()
	r.say("filling the log with %d records", w.records)
	if err := w.fill(ctx, r.log); err != nil {
		return fmt.Errorf("fill the log: %w", err)
	}
	r.say("filled in %s; making the first generation", time.Since(began).Round(time.Second))
	first, err := r.firstGeneration(ctx)
	if err != nil {
		return err
	}
	r.say("first generation: %s; measuring the second, with events and readers", first)
	live := r.beginLive(ctx)
	defer live.end() //nolint:errcheck // the measurement has failed for another reason
	r.live = live
	if err := r.checkpoint(ctx); err != nil {
		return err
	}
	measured, err := r.rebuild(ctx, (*projections.Rebuilds).Request)
	if err != nil {
		return err
	}
	memory, err := memoryOf(r.program.command.Process.Pid)
	if err != nil {
		return err
	}
	r.say("second generation: %s; at most %.0f MiB", measured, memory.peak/(1<<20))
	r.sayLive(live, measured)
	readable, acked := live.readable(measured.began, measured.switched)
	switches, err := r.switches(ctx, live, measured)
	if err != nil {
		return err
	}
	r.say("switches are measured; measuring COPY")
	limit, err := r.copyLimit(ctx)
	if err != nil {
		return err
	}
	r.say("limit: %s", limit)
	if err := live.end(); err != nil {
		return err
	}
	return r.report(measured, limit, memory, readable, acked, switches, print)
}

// sayLive tells how events fared in each step of a rebuild.
func (r *rebuilding) sayLive(l *live, m rebuilt) {
	steps := []operator.RebuildState{operator.RebuildIndexing, operator.RebuildCatchingUp, operator.RebuildVerifying, operator.RebuildSwitching}
	from := m.began
	for _, next := range steps {
		seen, acked := l.readable(from, m.at[next])
		if len(seen) > 0 {
			r.say("until %s %d events: readable p50 %.0f ms, p99 %.0f ms; acknowledged p50 %.0f ms, p99 %.0f ms", next, len(seen),
				percentile(seen, 0.5), percentile(seen, 0.99), percentile(acked, 0.5), percentile(acked, 0.99))
		}
		from = m.at[next]
	}
}

// report prints what was measured.
func (r *rebuilding) report(m rebuilt, limit copyLimit, memory processMemory, readable, acked []time.Duration, s switched, print func(result) error) error {
	name := fmt.Sprintf("rebuild_%s_%d", r.name, r.records)
	rate := func(d time.Duration) float64 { return float64(r.records) / d.Seconds() }
	value := func(what, unit string, v float64) result {
		return result{Name: name + "_" + what, Value: round(v), Unit: unit}
	}
	at := m.at
	for _, line := range []result{
		against(name+"_vs_copy", "events/s", rate(at[operator.RebuildVerifying].Sub(m.began)), rate(limit.all())),
		against(name+"_fold_and_copy", "s", at[operator.RebuildIndexing].Sub(m.began).Seconds(), limit.copy.Seconds()),
		value("of_it_fold", "s a connection", m.fold.Seconds()/float64(r.connections)),
		value("of_it_copy", "s a connection", m.copy.Seconds()/float64(r.connections)),
		against(name+"_keys_and_vacuum", "s", at[operator.RebuildCatchingUp].Sub(at[operator.RebuildIndexing]).Seconds(),
			(limit.keys + limit.vacuum).Seconds()),
		value("follow", "s", at[operator.RebuildVerifying].Sub(at[operator.RebuildCatchingUp]).Seconds()),
		value("verification", "s", at[operator.RebuildSwitching].Sub(at[operator.RebuildVerifying]).Seconds()),
		withLimit(value("memory_peak", "MiB", memory.peak/(1<<20)), rebuildMemory),
		value("memory_at_switch", "MiB", memory.resident/(1<<20)),
		withLimit(value("live_append_to_readable_p99", "ms", percentile(readable, 0.99)), rebuildReadable),
		value("live_append_to_readable_p50", "ms", percentile(readable, 0.50)),
		value("live_append_acknowledged_p99", "ms", percentile(acked, 0.99)), // the log alone, on the same machine at the same time
		value("rows", "rows", float64(limit.rows)),
	} {
		if err := print(line); err != nil {
			return err
		}
	}
	if len(s.during) == 0 {
		return nil
	}
	if err := print(against(fmt.Sprintf("%s_slowest_at_switch_median_of_%d", name, len(s.during)), "ms", median(s.during), median(s.before))); err != nil {
		return err
	}
	if err := print(withLimit(value("slowest_at_switch_beyond_before", "ms", median(s.beyond())), rebuildSwitch)); err != nil {
		return err
	}
	return print(withLimit(value(fmt.Sprintf("failed_of_%d_requests", s.requests), "requests", float64(s.failed)), 0))
}

// What the figures of a rebuild must not exceed.
const (
	rebuildMemory   = 768 // MiB
	rebuildReadable = 200 // ms
	rebuildSwitch   = 50  // ms
)

// withLimit sets a limit that is given and not measured.
func withLimit(r result, limit float64) result {
	r.Limit = &limit
	if limit > 0 {
		r.Ratio = new(round(r.Value / limit))
	}
	return r
}
