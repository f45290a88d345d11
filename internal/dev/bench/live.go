package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const (
	liveEvents = 60_000 // of a round
	// liveBatch is the number of events of a transaction of the limit, as of the projection.
	liveBatch = 5000
)

// live measures how fast the live projection of post readings catches up with so many partitions. Its limit
// is the batches that write the same rows, prepared beforehand and sent on a connection for each partition.
func live(partitions int32) func(*bench) {
	return func(b *bench) {
		log := b.ledger()
		byPartition := log.fill(b, partitions, liveEvents)
		prepared := prepareBatches(b, byPartition)
		ours, limit := b.inTurns(
			func() float64 { return liveEvents / catchUp(b, log).Seconds() },
			func() float64 { return liveEvents / sendPrepared(b, prepared).Seconds() },
		)
		b.compare(fmt.Sprintf("live_post_insights_%dp_vs_batched_upserts", partitions), "events/s", ours, limit)
	}
}

// catchUp returns how long an engine folds the log into new tables, from the first poll that returned
// records. Joining the group is not part of it, because the limit joins nothing.
func catchUp(b *bench, log *ledger) time.Duration {
	pool := b.database(8)
	defer pool.Close()
	timed := &timedLog{Log: log.Log, left: liveEvents, done: make(chan struct{})}
	stop := ledgertest.Run(b, newEngine(b, log.topics, timed, projectors.PostInsights, pool, nil).Run)
	ledgertest.Receive(b, timed.done)
	stop()
	return timed.last.Sub(timed.first)
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

// preparedBatch is what a transaction of the projection writes: the rows that it copies, by table and
// encoded, and its statements.
type preparedBatch struct {
	copies     map[string][]byte
	statements []*pgx.QueuedQuery
}

// prepareBatches folds the events once and returns the batches of each partition.
func prepareBatches(b *bench, byPartition [][]fold.Event) [][]preparedBatch {
	pool := b.database(2)
	defer pool.Close()
	prepared := make([][]preparedBatch, len(byPartition))
	for partition, rest := range byPartition {
		for len(rest) > 0 {
			n := min(len(rest), liveBatch)
			prepared[partition], rest = append(prepared[partition], prepareBatch(b, pool, rest[:n])), rest[n:]
		}
	}
	return prepared
}

func prepareBatch(b *bench, pool *pgxpool.Pool, events []fold.Event) preparedBatch {
	one := preparedBatch{copies: map[string][]byte{}}
	require.NoError(b, pgx.BeginFunc(b.ctx, pool, func(tx pgx.Tx) error {
		state := projectors.PostInsights.Begin(1)
		require.NoError(b, tables.Load(b.ctx, tx, state, events))
		for _, ev := range events {
			require.NoError(b, state.Apply(ev))
		}
		var last pgx.Batch
		require.NoError(b, write.Upsert(b.ctx, tx, &last, func(into write.Sink) error { return state.Write(into, true) }))
		for _, table := range projectors.PostInsights.Tables { // only copied rows are written yet
			var rows bytes.Buffer
			sql := "copy (select * from " + table + " where xmin = pg_current_xact_id()::xid) to stdout (format binary)"
			tag, err := tx.Conn().PgConn().CopyTo(b.ctx, &rows, sql)
			require.NoError(b, err)
			if tag.RowsAffected() > 0 {
				one.copies[table] = rows.Bytes()
			}
		}
		one.statements = last.QueuedQueries
		return write.Send(b.ctx, tx, &last)
	}))
	return one
}

// sendPrepared returns how long it takes to send the batches to new tables.
func sendPrepared(b *bench, prepared [][]preparedBatch) time.Duration {
	pool := b.database(int32(len(prepared)))
	defer pool.Close()
	var connected sync.WaitGroup // the projection is connected too when it gets its first records
	connected.Add(len(prepared))
	var began time.Time
	begin := sync.OnceFunc(func() { began = time.Now() })
	var group errgroup.Group
	for _, batches := range prepared {
		group.Go(func() error {
			conn, err := pool.Acquire(b.ctx)
			connected.Done()
			if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			defer conn.Release()
			connected.Wait()
			begin()
			for _, one := range batches {
				if err := one.send(b.ctx, conn); err != nil {
					return fmt.Errorf("send prepared batch: %w", err)
				}
			}
			return nil
		})
	}
	require.NoError(b, group.Wait())
	return time.Since(began)
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
