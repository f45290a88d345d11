package projections

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// Sizes of the bulk.
const (
	// copyEvery is after how many events a fold hands over the rows that are finished.
	copyEvery = 20000
	// chunksAhead is how many answers of the broker, 1 MiB each, are decoded ahead of the fold of a shard.
	chunksAhead = 4
	// keysShard is the shard of keys and indexes.
	keysShard = -1
	// behindSeconds is from which lag on the live generation goes first.
	behindSeconds = 2
	// yieldAtMost bounds each pause for it: a rebuild is also the cure of a generation that cannot go on.
	yieldAtMost = 5 * time.Second
)

// shardsAtOnce is how many partitions are folded at a time: enough for the processors, few enough for the memory.
func shardsAtOnce() int { return min(4, max(2, runtime.GOMAXPROCS(0))) }

// shard is a partition of the topic.
type shard struct {
	Partition   int32
	First, Last int64 // offsets, Last exclusive
	Done        bool
}

// copy folds what the log held at the start into the tables, makes their keys and lets the generation be followed.
func (r *running) copy(ctx context.Context, g generation) error {
	name := fmt.Sprintf("rebuild %s ", r.ID)
	if err := r.takeShards(ctx, "ledgerboard "+name); err != nil {
		return err
	}
	pool, err := pg.Open(ctx, pg.Config{
		URL: r.databaseURL, SearchPath: []string{ddl.Schema(r.projector.Name(), g.Number), migrations.Engine},
		Name: fmt.Sprintf("%s%d", name, r.lease), MaxConns: int32(shardsAtOnce()) + 1, AsyncCommit: true, //nolint:gosec // at most 5
	})
	if err != nil {
		return fmt.Errorf("open tables of a rebuild: %w", err)
	}
	defer pool.Close()
	if err := r.copyShards(ctx, pool, g); err != nil {
		return err
	}
	if err := r.advance(ctx, nil, operator.RebuildIndexing); err != nil {
		return err
	}
	if err := r.makeKeys(ctx, pool); err != nil {
		return err
	}
	for _, table := range r.projector.Tables() {
		if _, err := pool.Exec(ctx, "vacuum (analyze) "+table); err != nil {
			return fmt.Errorf("vacuum %s: %w", table, err)
		}
	}
	return r.follow(ctx, g)
}

// takeShards ends what a predecessor may still do: its sessions, and its right to claim shards. The second statement waits
// until transactions in which it holds shards are rolled back.
func (r *running) takeShards(ctx context.Context, sessions string) error {
	_, err := r.pool.Exec(ctx, `
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and starts_with(application_name, $1) and application_name <> $1 || $2::text`,
		sessions, fmt.Sprint(r.lease))
	if err != nil {
		return fmt.Errorf("end sessions of the process before: %w", err)
	}
	_, err = r.pool.Exec(ctx, `update rebuild_shards set lease = $2 where rebuild = $1 and lease < $2 and not done`, r.ID, r.lease)
	if err != nil {
		return fmt.Errorf("take shards: %w", err)
	}
	return nil
}

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

func (r *running) copyShards(ctx context.Context, pool *pgxpool.Pool, g generation) error {
	rows, err := r.pool.Query(ctx, `
		select partition, first, last, done from rebuild_shards where rebuild = $1 and partition >= 0 order by partition`, r.ID)
	if err != nil {
		return fmt.Errorf("read shards: %w", err)
	}
	shards, err := pgx.CollectRows(rows, pgx.RowToStructByPos[shard])
	if err != nil {
		return fmt.Errorf("read shards: %w", err)
	}
	r.done.Store(0)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(shardsAtOnce())
	for _, s := range shards {
		if s.Done {
			r.done.Add(s.Last - s.First)
			continue
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return r.copyShard(ctx, pool, g, s)
		})
	}
	return group.Wait()
}

// copyShard folds a partition in one transaction.
func (r *running) copyShard(ctx context.Context, pool *pgxpool.Pool, g generation, s shard) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := r.claim(ctx, tx, s.Partition); err != nil {
			return err
		}
		f := r.newBulkFold(g, s.Partition, copyInto{tx})
		at := s.First
		err := r.read(ctx, f, g, s, func(ctx context.Context, c *chunk) error {
			if err := f.add(ctx, c.events); err != nil {
				return err
			}
			r.done.Add(c.next - at)
			at = c.next
			return r.yield(ctx)
		})
		if err != nil {
			return err
		}
		r.done.Add(s.Last - at)
		if err := f.finish(ctx, tx); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			update checkpoints set next_offset = $4, event_time = $5, progressed_at = clock_timestamp()
			where projection = $1 and generation = $2 and partition = $3 and state = 'copying'`,
			r.projector.Name(), g.Number, s.Partition, s.Last, f.newest)
		if err != nil {
			return fmt.Errorf("set checkpoint: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errLeaseLost
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy partition %d of %s: %w", s.Partition, r.projector.Topic(), err)
	}
	return nil
}

// chunk is an answer of the broker.
type chunk struct {
	raw    []eventlog.Record
	next   int64
	events []Event
	ready  chan struct{} // closed when events are there
}

// read hands the events of a shard on in their order; what lies ahead is decoded meanwhile.
func (r *running) read(ctx context.Context, f *bulkFold, g generation, s shard, each func(context.Context, *chunk) error) error {
	group, ctx := errgroup.WithContext(ctx)
	chunks := make(chan *chunk, chunksAhead)
	group.Go(func() error {
		defer close(chunks)
		return r.log.Scan(ctx, eventlog.ScanConfig{
			Topic: r.projector.Topic(), TopicID: g.TopicID, Parallel: 1,
			From: map[int32]int64{s.Partition: s.First}, To: map[int32]int64{s.Partition: s.Last},
			Handle: func(ctx context.Context, run eventlog.Run) error {
				c := &chunk{raw: run.Records, next: run.Next, ready: make(chan struct{})}
				select {
				case chunks <- c:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				group.Go(func() error {
					defer close(c.ready)
					c.events = f.decodeAll(c.raw)
					c.raw = nil
					return nil
				})
				return nil
			},
		})
	})
	group.Go(func() error {
		for c := range chunks {
			select {
			case <-c.ready:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if err := each(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// yield lets the live generation go first while it is behind.
func (r *running) yield(ctx context.Context) error {
	for began := time.Now(); r.behind.Load() && time.Since(began) < yieldAtMost; {
		if err := r.pause(ctx, stepAgain); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// liveIsBehind tells whether the generation that readers use is followed and cannot keep up.
func (r *running) liveIsBehind(ctx context.Context) bool {
	behind := false
	_ = within(ctx, 2*time.Second, func(ctx context.Context) error { // what is not known slows nothing
		paused, err := r.paused(ctx)
		if err != nil || paused {
			return err
		}
		s, err := r.Status(ctx)
		behind = err == nil && s.Live() && s.Problem == "" && s.LagSeconds > behindSeconds
		return err
	})
	return behind
}

// copyInto takes rows into the tables of a shard's transaction.
type copyInto struct{ tx pgx.Tx }

// CopyFrom implements [CopyTarget].
func (c copyInto) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	n, err := c.tx.CopyFrom(ctx, table, columns, rows)
	if err != nil {
		return n, fmt.Errorf("copy into %s: %w", table.Sanitize(), err)
	}
	return n, nil
}
