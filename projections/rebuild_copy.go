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

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// Sizes of the bulk.
const (
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
		Name: fmt.Sprintf("%s%d", name, r.lease), MaxConns: int32(shardsAtOnce()) + 1, AsyncCommit: true,
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
		sessions, strconv.FormatInt(r.lease, 10))
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
	refused, err := r.readRefused(ctx)
	if err != nil {
		return err
	}
	_, together := r.projector.(spanning)
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
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(shardsAtOnce())
	for _, shards := range groups {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return r.copyShard(ctx, pool, g, shards, refused)
		})
	}
	return group.Wait()
}

// readRefused takes over which events the database refused when they were written into the tables that serve: only a
// fold event by event finds out.
func (r *running) readRefused(ctx context.Context) (refusedAt, error) {
	live, err := r.pointed(ctx, r.pool)
	if err != nil {
		return nil, err
	}
	return readRefused(ctx, r.pool, r.projector.Name(), live)
}

// copyShard folds a partition, or those whose rows belong together, in one transaction.
func (r *running) copyShard(ctx context.Context, pool *pgxpool.Pool, g generation, shards []shard, refused refusedAt) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		into := copyInto{tx}
		fold, err := r.beginBulk()
		if err != nil {
			return err
		}
		var folded []*shardFold
		for _, s := range shards {
			if err := r.claim(ctx, tx, s.Partition); err != nil {
				return err
			}
			f := &shardFold{bulkFold: r.newBulkFold(s.Partition, fold, refused), shard: s, at: s.First}
			if err := r.foldShard(ctx, g, f, into); err != nil {
				return err
			}
			folded = append(folded, f)
		}
		if err := fold.Copy(ctx, into, true); err != nil {
			return fmt.Errorf("hand over rows: %w", err)
		}
		for _, f := range folded {
			if err := r.finishShard(ctx, tx, g, f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy partition %d of %s: %w", shards[0].Partition, r.projector.Topic(), err)
	}
	return nil
}

// shardFold is the fold of a shard and how far it is.
type shardFold struct {
	*bulkFold
	shard  shard
	at     int64 // next offset
	since  int   // events since rows were handed over
	newest *time.Time
}

// foldShard folds a shard and hands over rows now and then.
func (r *running) foldShard(ctx context.Context, g generation, f *shardFold, into CopyTarget) error {
	err := r.read(ctx, g, f.shard, func(ctx context.Context, c *chunk) error {
		for i := range c.events {
			ev := &c.events[i]
			if ev.Err == nil && (f.newest == nil || ev.Envelope.Time.After(*f.newest)) {
				f.newest = &ev.Envelope.Time
			}
			if err := f.add(ctx, *ev); err != nil {
				return err
			}
		}
		if f.since += len(c.events); f.since >= copyEvery {
			f.since = 0
			if err := f.fold.Copy(ctx, into, false); err != nil {
				return fmt.Errorf("hand over rows: %w", err)
			}
		}
		r.done.Add(c.next - f.at)
		f.at = c.next
		return r.yield(ctx)
	})
	r.done.Add(f.shard.Last - f.at)
	return err
}

// finishShard writes what is parked, and the checkpoint.
func (r *running) finishShard(ctx context.Context, tx pgx.Tx, g generation, f *shardFold) error {
	s := newSession(r.work, g, "") // for how it parks; it is not run
	var rows []parkedRow
	var skipped []int64
	for _, row := range f.rows() {
		rows = append(rows, row.parkedRow)
		if row.skipped {
			skipped = append(skipped, row.Offset)
		}
	}
	if err := s.insertParked(ctx, tx, g.Number, rows); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update parked set state = 'skipped' where projection = $1 and generation = $2 and partition = $3 and log_offset = any($4)`,
		r.projector.Name(), g.Number, f.shard.Partition, skipped)
	if err != nil {
		return fmt.Errorf("mark skipped events: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		update checkpoints set next_offset = $4, event_time = $5, progressed_at = clock_timestamp()
		where projection = $1 and generation = $2 and partition = $3 and state = 'copying'`,
		r.projector.Name(), g.Number, f.shard.Partition, f.shard.Last, f.newest)
	if err != nil {
		return fmt.Errorf("set checkpoint: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
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
func (r *running) read(ctx context.Context, g generation, s shard, each func(context.Context, *chunk) error) error {
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
					c.events = r.decodeAll(c.raw)
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

// decodeAll decodes the records that the projection folds; of a still generation those up to its time.
func (r *running) decodeAll(records []eventlog.Record) []Event {
	events := make([]Event, 0, len(records))
	for _, raw := range records {
		if ev, wanted := r.wanted(raw); wanted && (r.Until == nil || !recordedAt(ev).After(*r.Until)) {
			events = append(events, ev)
		}
	}
	return events
}

// recordedAt is when an event was recorded; the beginning of time when that cannot be read.
func recordedAt(ev Event) time.Time {
	if ev.Err == nil {
		return ev.Envelope.Time
	}
	at, err := time.Parse(time.RFC3339Nano, ev.Raw.Header("ce_time"))
	if err != nil {
		return time.Time{}
	}
	return at
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
