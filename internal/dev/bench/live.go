package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const (
	liveEvents = 60_000 // of a round
	livePosts  = 8_000  // about; each is read 6 or 7 times
	// liveBatch is the number of events of a transaction of the limit, as of the projection.
	liveBatch = 5000
)

// live measures how fast the live projection of post readings catches up with so many partitions. Its limit is the
// batches that write the same rows, prepared beforehand and sent on a connection for each partition.
func (b *bench) live(partitions int32) func(context.Context, func(result) error) error {
	return func(ctx context.Context, print func(result) error) error {
		log, topics, stop, err := b.eventLog(ctx)
		if err != nil {
			return err
		}
		defer stop() //nolint:errcheck // a temporary broker
		byPartition := readingsOn(partitions, topics, liveEvents)
		for _, events := range byPartition {
			if err := appendAs(ctx, log, events); err != nil {
				return fmt.Errorf("fill the log: %w", err)
			}
		}
		prepared, err := b.prepareBatches(ctx, byPartition)
		if err != nil {
			return err
		}
		var ours, limits []float64
		for range b.rounds {
			took, err := b.catchUp(ctx, log, topics)
			if err != nil {
				return err
			}
			ours = append(ours, liveEvents/took.Seconds())
			if took, err = b.sendPrepared(ctx, prepared); err != nil {
				return err
			}
			limits = append(limits, liveEvents/took.Seconds())
		}
		name := fmt.Sprintf("live_post_insights_%dp_vs_batched_upserts", partitions)
		return print(against(name, "events/s", median(ours), median(limits)))
	}
}

// readingsOn returns so many registrations and readings of about livePosts posts, by partition of the topic.
func readingsOn(partitions int32, topics []eventlog.TopicSpec, left int) [][]fold.Event {
	var all int32 // partitions of the topic
	for _, topic := range topics {
		if topic.Name == domain.TopicMetrics {
			all = topic.Partitions
		}
	}
	world, byPartition := crowded(), make([][]fold.Event, partitions)
	agencies := livePosts / world.posts * int(all) / int(partitions) // posts of other partitions are left out
	partitionOf := func(n, post int) int32 {
		return eventlog.PartitionOf([]byte(figureTenant(n, post%figureSocials).Key()), all)
	}
	put := func(n int, posts []int, events []fold.Event) {
		for i, post := range posts {
			if p := partitionOf(n, post); left > 0 {
				byPartition[p] = append(byPartition[p], events[i])
				left--
			}
		}
	}
	plans := make([][]int, agencies) // the posts of each agency
	for n := range plans {
		var registrations []fold.Event
		for post, event := range world.registrations(n) {
			if partitionOf(n, post) < partitions {
				plans[n], registrations = append(plans[n], post), append(registrations, event)
			}
		}
		put(n, plans[n], registrations)
	}
	for slot := 0; left > 0; slot++ {
		for n, plan := range plans {
			put(n, plan, world.postReads(n, slot, plan, firstReading.Add(time.Duration(slot)*figureEvery)))
		}
	}
	return byPartition
}

// catchUp returns how long an engine folds the log into new tables, from the first poll that returned records. Joining
// the group is not part of it, because the limit joins nothing.
func (b *bench) catchUp(ctx context.Context, log *eventlog.Log, topics []eventlog.TopicSpec) (time.Duration, error) {
	pool, err := b.database(ctx, 8)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	timed := &timedLog{Log: log, left: liveEvents, done: make(chan struct{})}
	engine, err := b.engine(projectors.PostInsights, timed, topics, pool, nil)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	select {
	case err := <-ended:
		return 0, fmt.Errorf("engine ended early: %w", err)
	case <-timed.done:
	}
	cancel()
	return timed.last.Sub(timed.first), <-ended
}

// timedLog notes when its follower got the first records, and when all of them were folded.
type timedLog struct {
	*eventlog.Log

	first, last time.Time
	left        int // records to be folded
	done        chan struct{}
}

// Follow implements projections.Log.
func (t *timedLog) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	follower, err := t.Log.Follow(c)
	return &timedFollower{follower, t}, err
}

type timedFollower struct {
	eventlog.Follower

	log *timedLog
}

func (t *timedFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	batch, err := t.Follower.Poll(ctx, wait)
	if len(batch.Runs) > 0 && t.log.first.IsZero() {
		t.log.first = time.Now()
	}
	return batch, err
}

func (t *timedFollower) Done(batch eventlog.Batch) {
	t.log.last = time.Now()
	for _, run := range batch.Runs {
		t.log.left -= len(run.Records)
	}
	if len(batch.Runs) > 0 && t.log.left <= 0 {
		close(t.log.done)
	}
	t.Follower.Done(batch)
}

// preparedBatch is what a transaction of the projection writes: the rows that it copies, by table and encoded, and its
// statements.
type preparedBatch struct {
	copies     map[string][]byte
	statements []*pgx.QueuedQuery
}

// prepareBatches folds the events once and returns the batches of each partition.
func (b *bench) prepareBatches(ctx context.Context, byPartition [][]fold.Event) ([][]preparedBatch, error) {
	pool, err := b.database(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	prepared := make([][]preparedBatch, len(byPartition))
	for partition, rest := range byPartition {
		for len(rest) > 0 {
			n := min(len(rest), liveBatch)
			one, err := prepareBatch(ctx, pool, rest[:n])
			if err != nil {
				return nil, fmt.Errorf("prepare batches: %w", err)
			}
			prepared[partition], rest = append(prepared[partition], one), rest[n:]
		}
	}
	return prepared, nil
}

func prepareBatch(ctx context.Context, pool *pgxpool.Pool, events []fold.Event) (one preparedBatch, err error) {
	one.copies = map[string][]byte{}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		state := projectors.PostInsights.Begin(1)
		if err := tables.Load(ctx, tx, state, events); err != nil {
			return err
		}
		for _, ev := range events {
			if err := state.Apply(ev); err != nil {
				return err
			}
		}
		var last pgx.Batch
		err := write.Upsert(ctx, tx, &last, func(into write.Sink) error { return state.Write(into, true) })
		if err != nil {
			return err
		}
		for _, table := range projectors.PostInsights.Tables { // only copied rows are written yet
			var rows bytes.Buffer
			sql := "copy (select * from " + table + " where xmin = pg_current_xact_id()::xid) to stdout (format binary)"
			tag, err := tx.Conn().PgConn().CopyTo(ctx, &rows, sql)
			if err != nil {
				return fmt.Errorf("read copied rows of %s: %w", table, err)
			}
			if tag.RowsAffected() > 0 {
				one.copies[table] = rows.Bytes()
			}
		}
		one.statements = last.QueuedQueries
		return write.Send(ctx, tx, &last)
	})
	return one, err
}

// sendPrepared returns how long it takes to send the batches to new tables.
func (b *bench) sendPrepared(ctx context.Context, prepared [][]preparedBatch) (time.Duration, error) {
	pool, err := b.database(ctx, int32(len(prepared)))
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	var connected sync.WaitGroup // the projection is connected too when it gets its first records
	connected.Add(len(prepared))
	var began time.Time
	begin := sync.OnceFunc(func() { began = time.Now() })
	var group errgroup.Group
	for _, batches := range prepared {
		group.Go(func() error {
			conn, err := pool.Acquire(ctx)
			connected.Done()
			if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			defer conn.Release()
			connected.Wait()
			begin()
			for _, one := range batches {
				if err := one.send(ctx, conn); err != nil {
					return fmt.Errorf("send prepared batch: %w", err)
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return time.Since(began), err
}

func (p preparedBatch) send(ctx context.Context, conn *pgxpool.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for table, rows := range p.copies {
			_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), "copy "+table+" from stdin (format binary)")
			if err != nil {
				return fmt.Errorf("copy into %s: %w", table, err)
			}
		}
		var batch pgx.Batch
		for _, s := range p.statements {
			batch.Queue(s.SQL, s.Arguments...)
		}
		return write.Send(ctx, tx, &batch)
	})
}
