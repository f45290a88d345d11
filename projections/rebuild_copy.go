package projections

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// CopiesAtOnce is how many partitions a rebuild copies into tables at a time. As many more are read and folded meanwhile, so that neither
// the log nor the database waits for the other; few enough for the memory, and for what serves to find a processor.
func CopiesAtOnce() int { return min(2, max(1, runtime.GOMAXPROCS(0)/2)) }

// stage bounds how many partitions are in one stage of a copy at a time.
type stage chan struct{}

// in carries out do as soon as the stage has room.
func (s stage) in(ctx context.Context, do func() error) error {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s }()
	return do()
}

// tablesAtOnce is how many tables get their keys at a time, which is the database server's work.
func tablesAtOnce() int { return min(4, max(2, runtime.GOMAXPROCS(0))) }

// copy folds what the log held at the start into the tables, makes their keys and lets the generation be followed.
func (r *running) copy(ctx context.Context, g generation) error {
	if err := r.takeShards(ctx); err != nil {
		return err
	}
	pool, err := pg.Open(ctx, pg.Config{
		URL: r.databaseURL, SearchPath: []string{ddl.Schema(r.projector.Name(), g.Number), migrations.Engine},
		Name: fmt.Sprintf("rebuild %s %d", r.ID, r.lease), MaxConns: int32(tablesAtOnce()) + 1, AsyncCommit: true,
	})
	if err != nil {
		return fmt.Errorf("open tables of a rebuild: %w", err)
	}
	defer pool.Close()
	began := time.Now()
	before, err := r.copyShards(ctx, pool, g)
	if err != nil {
		return err
	}
	if err := r.advance(ctx, nil, operator.RebuildIndexing); err != nil {
		return err
	}
	if err := r.noteMean(ctx, r.done.Load()-before, time.Since(began)); err != nil {
		return err
	}
	if err := r.finishTables(ctx, pool); err != nil {
		return err
	}
	return r.follow(ctx, g)
}

// noteMean writes how many records a second were folded: what stands there from then on. A short rebuild has no other rate.
func (r *running) noteMean(ctx context.Context, records int64, took time.Duration) error {
	rate := float64(records) / max(took.Seconds(), 0.001)
	_, err := r.pool.Exec(ctx, `
		update rebuilds set events_done = $3, rate = case when $4::float8 > 0 then $4 else rate end where id = $1 and lease = $2`,
		r.ID, r.lease, r.done.Load(), rate)
	if err != nil {
		return fmt.Errorf("note rate of rebuild: %w", err)
	}
	return nil
}

// takeShards ends a predecessor's right to claim shards. It waits until transactions in which the predecessor holds shards have
// ended: [running.endPredecessor]. What they commit until then is done and not folded again.
func (r *running) takeShards(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `update rebuild_shards set lease = $2 where rebuild = $1 and lease < $2 and not done`, r.ID, r.lease)
	if err != nil {
		return fmt.Errorf("take shards: %w", err)
	}
	return nil
}

// endPredecessor ends the database sessions of the process that ran this rebuild before: no time-out of the server ends a COPY
// whose client has stopped.
func (r *running) endPredecessor(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and usename = current_user and starts_with(application_name, $1) and application_name <> $2`,
		r.sessions(), r.sessions()+strconv.FormatInt(r.lease, 10))
	if err != nil {
		return fmt.Errorf("end the sessions of the process before: %w", err)
	}
	return nil
}

// sessions is how the names of this rebuild's database sessions begin; the lease ends them.
func (r *running) sessions() string { return "ledgerboard rebuild " + r.ID + " " }

// claim is the first statement of a shard's transaction. It holds the shard, and writes nothing under an old lease.
func (r *running) claim(ctx context.Context, tx pgx.Tx, partition int32) error {
	tag, err := tx.Exec(ctx, `update rebuild_shards set done = true where rebuild = $1 and partition = $2 and lease = $3 and not done`,
		r.ID, partition, r.lease)
	if err != nil {
		return fmt.Errorf("claim shard: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	return nil
}

// copyShards folds what is left to fold, and returns how many records processes before this one had.
func (r *running) copyShards(ctx context.Context, pool *pgxpool.Pool, g generation) (before int64, err error) {
	rows, err := r.pool.Query(ctx, `
		select partition, first, last, done from rebuild_shards where rebuild = $1 and partition >= 0 order by partition`, r.ID)
	if err != nil {
		return 0, fmt.Errorf("read shards: %w", err)
	}
	shards, err := pgx.CollectRows(rows, pgx.RowToStructByPos[shard])
	if err != nil {
		return 0, fmt.Errorf("read shards: %w", err)
	}
	refused, err := r.readRefused(ctx)
	if err != nil {
		return 0, err
	}
	together := fold.SpansPartitions(r.projector)
	var groups [][]shard
	r.done.Store(0)
	for _, s := range shards {
		switch {
		case s.Done:
			r.done.Add(s.Last - s.First)
		case together && len(groups) > 0:
			groups[0] = append(groups[0], s)
		default:
			groups = append(groups, []shard{s})
		}
	}
	before = r.done.Load()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * CopiesAtOnce())
	r.folds, r.copies = make(stage, CopiesAtOnce()), make(stage, CopiesAtOnce())
	for _, shards := range groups {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return r.copyShard(ctx, pool, g, shards, refused)
		})
	}
	return before, group.Wait()
}

// readRefused takes over which events the database refused when they were written into the tables that serve: only a
// fold event by event finds out.
func (r *running) readRefused(ctx context.Context) (refusedAt, error) {
	live, err := r.live(ctx, r.pool)
	if err != nil {
		return nil, err
	}
	return readRefused(ctx, r.pool, r.projector.Name(), live)
}

// follow hands the generation to the sessions.
func (r *running) follow(ctx context.Context, g generation) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, operator.RebuildCatchingUp); err != nil {
			return err
		}
		var total int64
		err := tx.QueryRow(ctx, `update rebuilds set events_done = events_total where id = $1 returning events_total`, r.ID).Scan(&total)
		if err != nil {
			return fmt.Errorf("note progress of rebuild: %w", err)
		}
		r.done.Store(total)
		if err := setState(ctx, tx, r.projector.Name(), g.Number, StateBuilding); err != nil {
			return err
		}
		return notifyStep(ctx, tx, r.projector.Name())
	})
}
