package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const (
	rebuildPosts  = 2_000_000 // records at full scale
	rebuildLook   = 10 * time.Millisecond
	rebuildWithin = 15 * time.Minute
	// manyPartitions is the number of partitions of `metrics` that hold records.
	manyPartitions = 12
)

// rebuilding is a log, a database and the program between them, in which post insights are rebuilt.
type rebuilding struct {
	records     int
	bench       *bench
	log         *eventlog.Log
	brokers     []string
	url         string
	pool        *pgxpool.Pool // search path: lb_engine and lb
	program     *serveProcess
	connections int
	stopLog     func() error
}

// rebuilds measures a rebuild of post insights by the program as a process, next to COPY of the finished rows. A first
// generation is made from an empty database while the projection is paused; the rebuild of the second one is measured.
func (b *bench) rebuilds(scale float64) func(context.Context, func(result) error) error {
	return func(ctx context.Context, print func(result) error) error {
		r, err := b.openRebuilding(ctx, max(int(rebuildPosts*scale), 2*crowded().posts))
		if err != nil {
			return err
		}
		defer r.close()
		if err := r.fill(ctx); err != nil {
			return fmt.Errorf("fill the log: %w", err)
		}
		if err := r.firstGeneration(ctx); err != nil {
			return err
		}
		// The server writes what it has put off, so that the rebuild does not pay for it.
		if _, err := r.pool.Exec(ctx, "checkpoint"); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		asked, err := r.request(ctx)
		if err != nil {
			return err
		}
		at, err := r.await(ctx, asked, operator.RebuildDone)
		if err != nil {
			return err
		}
		limit, err := r.copyLimit(ctx)
		if err != nil {
			return err
		}
		return r.report(asked.RequestedAt, at, limit, print)
	}
}

func (r *rebuilding) report(
	began time.Time, at map[operator.RebuildState]time.Time, limit copyLimit, print func(result) error,
) error {
	name := fmt.Sprintf("rebuild_post_insights_%d", r.records)
	rate := func(d time.Duration) float64 { return float64(r.records) / d.Seconds() }
	return errors.Join(
		print(against(name+"_vs_copy", "events/s", rate(at[operator.RebuildSwitching].Sub(began)), rate(limit.all()))),
		print(against(name+"_fold_and_copy", "s", at[operator.RebuildIndexing].Sub(began).Seconds(), limit.copy.Seconds())),
		print(against(name+"_keys_and_vacuum", "s",
			at[operator.RebuildCatchingUp].Sub(at[operator.RebuildIndexing]).Seconds(), (limit.keys+limit.vacuum).Seconds())),
	)
}

// openRebuilding starts a broker and makes an empty database; the program is started later.
func (b *bench) openRebuilding(ctx context.Context, records int) (*rebuilding, error) {
	log, _, stop, err := b.eventLog(ctx)
	if err != nil {
		return nil, err
	}
	r := &rebuilding{records: records, bench: b, log: log, brokers: b.brokers, stopLog: stop}
	r.connections = min(manyPartitions, projections.CopiesAtOnce())
	if r.url, err = b.emptyDatabase(ctx); err == nil {
		err = migrations.Up(ctx, r.url)
	}
	if err == nil {
		r.pool, err = pg.Open(ctx, pg.Config{
			URL: r.url, SearchPath: []string{migrations.Engine, migrations.Views}, Name: "bench", MaxConns: 8,
		})
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return r, nil
}

func (r *rebuilding) close() {
	if r.program != nil {
		r.program.stop()
	}
	r.pool.Close()
	r.stopLog() //nolint:errcheck // a temporary broker
}

// fill appends the directory of one agency, then registrations and readings of as many agencies as it takes.
func (r *rebuilding) fill(ctx context.Context) error {
	w := crowded()
	agencies := (r.records + w.readings() - 1) / w.readings()
	if err := appendAs(ctx, r.log, figureDirectory(0)); err != nil {
		return err
	}
	left := r.records
	put := func(events []fold.Event) error {
		n := min(left, len(events))
		left -= n
		return appendAs(ctx, r.log, events[:n])
	}
	for n := range agencies {
		if err := put(w.registrations(n)); err != nil {
			return err
		}
	}
	plan := w.plan()
	for slot := 0; left > 0; slot++ {
		for n := range agencies {
			at := firstReading.Add(time.Duration(slot) * figureEvery)
			if err := put(w.postReads(n, slot, plan[slot], at)); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendAs(ctx context.Context, log *eventlog.Log, events []fold.Event) error {
	drafts := make([]domain.Draft, 0, len(events))
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, data.Key(), data, data.CapturedAt))
		case domain.PostRegistered:
			drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, data.Key(), data, data.RegisteredAt))
		case domain.DirectoryEntity:
			drafts = append(drafts, commands.EntityDraft(data, firstReading))
		default:
			return fmt.Errorf("no draft is known of %T", data)
		}
	}
	return log.AppendBulk(ctx, drafts)
}

// firstGeneration makes a generation by a rebuild: a process that finds none would fold millions of events batch by batch.
func (r *rebuilding) firstGeneration(ctx context.Context) error {
	kept, err := vault.Open(ctx, r.url)
	if err != nil {
		return err
	}
	defer kept.Close()
	pauses := vault.Pauses{Pool: kept}
	projection := projectors.PostInsights.Name
	if _, err := pauses.Pause(ctx, domain.Pause{
		Kind: domain.PauseProjection, Name: projection, Since: time.Now(), Actor: "bench", Reason: domain.Reason{Code: "maintenance"},
	}); err != nil {
		return err
	}
	asked, err := r.request(ctx)
	if err != nil {
		return err
	}
	if r.program, err = r.bench.startServe(ctx, r.brokers, r.url, os.Stderr); err != nil {
		return err
	}
	if _, err = r.await(ctx, asked, operator.RebuildSwitching); err != nil {
		return err
	}
	if _, err = pauses.Resume(ctx, domain.PauseProjection, projection); err != nil {
		return err
	}
	if err := r.program.ready(ctx); err != nil {
		return err
	}
	_, err = r.await(ctx, asked, operator.RebuildDone)
	return err
}

func (r *rebuilding) request(ctx context.Context) (operator.Rebuild, error) {
	p := projectors.PostInsights
	return projections.NewRebuilds(r.pool).Request(ctx, projections.RebuildRequest{
		Projection: p.Name, Version: p.Version, By: "bench", Reason: "maintenance",
	})
}

// rebuildStates are those of a rebuild that succeeds, in their order.
var rebuildStates = []operator.RebuildState{
	operator.RebuildCopying, operator.RebuildIndexing, operator.RebuildCatchingUp, operator.RebuildSwitching, operator.RebuildDone,
}

// await looks at a rebuild until it has reached a state and returns when it reached each one. A state that is passed between
// two looks gets the time of the next.
func (r *rebuilding) await(
	ctx context.Context, asked operator.Rebuild, until operator.RebuildState,
) (map[operator.RebuildState]time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, rebuildWithin)
	defer cancel()
	at := map[operator.RebuildState]time.Time{}
	for {
		var state operator.RebuildState
		var why string
		err := r.pool.QueryRow(ctx, `select state, coalesce(error, '') from rebuilds where id::text = $1`, asked.ID).Scan(&state, &why)
		if err != nil {
			return nil, fmt.Errorf("look at rebuild: %w", err)
		}
		reached := false
		for _, passed := range slices.Backward(rebuildStates) {
			if reached = reached || passed == state; reached && at[passed].IsZero() {
				at[passed] = time.Now()
			}
		}
		if !at[until].IsZero() {
			return at, nil
		}
		if state == operator.RebuildFailed || state == operator.RebuildCanceled {
			return nil, fmt.Errorf("the rebuild is %s: %s", state, why)
		}
		select {
		case <-r.program.ended:
			return nil, errEnded
		case <-ctx.Done():
			return nil, fmt.Errorf("the rebuild is still %s: %w", state, ctx.Err())
		case <-time.After(rebuildLook):
		}
	}
}
