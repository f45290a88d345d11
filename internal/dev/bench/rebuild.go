package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
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

// rebuilding is a log, a database and the engine between them, in which post insights are rebuilt.
type rebuilding struct {
	records     int
	log         *eventlog.Log
	pool        *pgxpool.Pool // search path: lb_engine and lb
	engine      *projections.Engine
	connections int
	stopLog     func() error
}

// rebuilds measures a rebuild of post insights next to COPY of the finished rows. A first generation is made from an empty
// database; the rebuild of the second one is measured.
func (b *bench) rebuilds(scale float64) func(context.Context, func(result) error) error {
	return func(ctx context.Context, print func(result) error) (err error) {
		r, err := b.openRebuilding(ctx, max(int(rebuildPosts*scale), 2*crowded().posts))
		if err != nil {
			return err
		}
		defer r.close()
		if err := r.fill(ctx); err != nil {
			return fmt.Errorf("fill the log: %w", err)
		}
		// The first generation is requested too: an engine that finds none folds millions of events batch by batch.
		first, err := r.request(ctx)
		if err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		group, running := errgroup.WithContext(running)
		defer func() { stop(); err = errors.Join(err, group.Wait()) }()
		group.Go(func() error { return r.engine.Run(running) })
		if _, err := r.await(running, first); err != nil {
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
		at, err := r.await(running, asked)
		if err != nil {
			return err
		}
		limit, err := r.copyLimit(ctx)
		if err != nil {
			return err
		}
		return r.report(asked.CreatedAt, at, limit, print)
	}
}

// built says when the rows of a generation were copied, and when its tables had their keys.
type built struct{ copied, followed time.Time }

func (r *rebuilding) report(began time.Time, at built, limit copyLimit, print func(result) error) error {
	name := fmt.Sprintf("rebuild_post_insights_%d", r.records)
	rate := func(d time.Duration) float64 { return float64(r.records) / d.Seconds() }
	return errors.Join(
		print(against(name+"_vs_copy", "events/s", rate(at.followed.Sub(began)), rate(limit.all()))),
		print(against(name+"_fold_and_copy", "s", at.copied.Sub(began).Seconds(), limit.copy.Seconds())),
		print(against(name+"_keys_and_vacuum", "s",
			at.followed.Sub(at.copied).Seconds(), (limit.keys+limit.vacuum).Seconds())),
	)
}

// openRebuilding starts a broker and makes an empty database; the engine is started later.
func (b *bench) openRebuilding(ctx context.Context, records int) (*rebuilding, error) {
	log, topics, stop, err := b.eventLog(ctx)
	if err != nil {
		return nil, err
	}
	r := &rebuilding{records: records, log: log, stopLog: stop, connections: min(manyPartitions, projections.CopiesAtOnce())}
	url, err := b.emptyDatabase(ctx)
	if err == nil {
		err = migrations.Up(ctx, url)
	}
	if err == nil {
		r.pool, err = pg.Open(ctx, pg.Config{
			URL: url, SearchPath: []string{migrations.Engine, migrations.Views}, Name: "bench", AsyncCommit: true, MaxConns: 24,
		})
	}
	if err == nil {
		r.engine, err = b.engine(projectors.PostInsights, log, topics, r.pool, nil)
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return r, nil
}

func (r *rebuilding) close() {
	r.pool.Close()
	r.stopLog() //nolint:errcheck // a temporary broker
}

// fill appends registrations and readings of as many agencies as it takes.
func (r *rebuilding) fill(ctx context.Context) error {
	w := crowded()
	agencies := (r.records + w.readings() - 1) / w.readings()
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
		default:
			return fmt.Errorf("no draft is known of %T", data)
		}
	}
	return log.AppendBulk(ctx, drafts)
}

func (r *rebuilding) request(ctx context.Context) (operator.Generation, error) {
	return projections.NewGenerations(r.pool).Rebuild(ctx, projectors.PostInsights, "bench", "maintenance")
}

// await looks at a generation until it is live.
func (r *rebuilding) await(ctx context.Context, asked operator.Generation) (at built, err error) {
	ctx, cancel := context.WithTimeout(ctx, rebuildWithin)
	defer cancel()
	for {
		var state operator.State
		var why string
		var copied bool
		err := r.pool.QueryRow(ctx, `
			select state, coalesce(error, ''), targets <> '{}' and not exists (
				select from checkpoints c
				where c.projection = g.projection and c.generation = g.generation
				  and next_offset < (targets ->> partition::text)::bigint)
			from generations g where projection = $1 and generation = $2`,
			asked.Projection, asked.Generation).Scan(&state, &why, &copied)
		if err != nil {
			return at, fmt.Errorf("look at rebuild: %w", err)
		}
		if copied && at.copied.IsZero() {
			at.copied = time.Now()
		}
		if state != operator.StateBuilding && at.followed.IsZero() {
			at.followed = time.Now()
		}
		switch state {
		case operator.StateLive:
			return at, nil
		case operator.StateFailed, operator.StateDropped:
			return at, fmt.Errorf("the rebuild is %s: %s", state, why)
		}
		select {
		case <-ctx.Done():
			return at, fmt.Errorf("the rebuild is still %s: %w", state, ctx.Err())
		case <-time.After(rebuildLook):
		}
	}
}
