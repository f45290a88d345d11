package projections

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Problem returns the problem that Status would report if the database were reachable.
func (e *Engine) Problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		var status operator.Projection
		if s.status(&status); status.Problem != "" {
			return status.Problem
		}
	}
	return e.problem
}

// EndBuilders ends the sessions of processes that built a generation before.
var EndBuilders = endBuilders

// FigurePayloads returns the notices of a batch of events.
var FigurePayloads = figurePayloads

// NotFollowed returns the log's reasons for not following partitions; Status also checks itself.
func (e *Engine) NotFollowed() map[int32]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[int32]string{}
	for _, s := range e.sessions {
		maps.Copy(all, s.status(&operator.Projection{}))
	}
	return all
}

// ReassignPartitions gives a session of a generation all partitions, as after another process has
// left the group.
func (e *Engine) ReassignPartitions(ctx context.Context, number int, partitions ...int32) error {
	s := newSession(e.work, generation{Number: number}, "")
	var err error
	if s.pool, err = openTables(ctx, e.databaseURL, e.projector.Name, number); err != nil {
		return err
	}
	defer s.pool.Close()
	_, err = s.assigned(ctx, partitions)
	return err
}

// Signal returns a function that waits until a step of a loop that began after the call has ended.
// Call Signal before the engine runs.
func (e *Engine) Signal(loop string) (next func(ctx context.Context) error) {
	ended := make(chan struct{})
	e.stepped = func(name string) {
		if name != loop {
			return
		}
		select {
		case ended <- struct{}{}:
		default: // no test waits
		}
	}
	return func(ctx context.Context) error {
		for range 2 { // the first one may have begun earlier
			select {
			case <-ended:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
}

// InBatchesOf sets the maximum number of records per transaction.
func (e *Engine) InBatchesOf(n int) *Engine {
	e.maxRecords = n
	return e
}

// SortingIn sets the memory in which a shard sorts records, and the directory for the rest.
func (e *Engine) SortingIn(memory int, dir string) *Engine {
	e.sortMemory, e.sortDir = memory, dir
	return e
}

// WritingEvery sets the number of events of a key after which a shard writes rows that are final.
func (e *Engine) WritingEvery(events int) *Engine {
	e.writeEvery = events
	return e
}

// Looking sets the interval between polls, for tests that wait for a poll.
func (e *Engine) Looking(look, caughtUp, tidy time.Duration) *Engine {
	e.every.look, e.every.caughtUp, e.every.tidy = look, caughtUp, tidy
	return e
}

// Waiting sets how long a stop waits for the current batch, and a batch for the database.
func (e *Engine) Waiting(atMost time.Duration) *Engine {
	e.every.finish, e.every.retry = atMost, atMost
	return e
}

// WaitingForReports sets how long a switch waits for older snapshots.
func (e *Engine) WaitingForReports(atMost time.Duration) *Engine {
	e.every.reports = atMost
	return e
}

// FoldInBulk folds the topic up to offsets into empty tables, partition by partition, and returns the
// dead letters and the streams. It sorts the records in little memory.
func FoldInBulk(ctx context.Context, c Config, to map[int32]int64, memory int, tx pgx.Tx) (letters, streams []string, err error) {
	e, err := New(c)
	if err != nil {
		return nil, nil, err
	}
	e.sortMemory = memory
	var ranges []eventlog.PartitionRange
	for partition, end := range to {
		ranges = append(ranges, eventlog.PartitionRange{Partition: partition, End: end})
	}
	for _, group := range e.groups(ranges) {
		var shards []*shard
		err := write.Copy(ctx, tx.Conn(), new(sync.Mutex), func(into write.Sink) (err error) {
			shards, err = e.foldGroup(ctx, [16]byte{}, group, into, unobserved)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		for _, f := range shards {
			for _, d := range f.rows() {
				letters = append(letters, fmt.Sprintf("%d/%d %s %s %s %s %v", d.partition, d.offset, d.key, d.eventType, d.eventID, d.reason, d.params))
			}
			for _, s := range f.streams.rows(e.projector.Name, 0) {
				streams = append(streams, fmt.Sprintf("%s %d %x %d %v", s.key, s.head.Version, s.head.Hash, s.stoppedAt, s.foldAgain))
			}
		}
	}
	slices.Sort(streams)
	return letters, streams, nil
}

// Another creates another generation next to the existing ones; engines follow it, but it never
// reaches its targets.
func (e *Engine) Another(ctx context.Context) (number int, err error) {
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic)
	if err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if number, err = insertGeneration(ctx, tx, e.projector, "", ""); err != nil {
			return err
		}
		if _, err = e.createTables(ctx, tx, number, operator.StateCatchingUp, ranges, topicID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			update lb_engine.generations set targets = '{"0": 1000000000000}' where projection = $1 and generation = $2`,
			e.projector.Name, number)
		return err
	})
	return number, err
}

// CheckDue runs the checks of tables that are due.
func CheckDue(ctx context.Context, pool *pgxpool.Pool, engines ...*Engine) error {
	return runDue(ctx, pool, engines, slog.New(slog.DiscardHandler))
}

// Reasons why a checkpoint does not move.
var (
	ErrOtherTopic = errOtherTopic
	ErrMoved      = errMoved
)

// Move moves a checkpoint like the fold of a batch that was read from a topic.
func Move(ctx context.Context, pool *pgxpool.Pool, projection string, number int, topic eventlog.TopicID, partition int32, from, to int64) error {
	s := &session{work: work{projector: fold.Projector{Name: projection}}, pool: pool, number: number}
	steps := []step{{topic: topic, partition: partition, from: from, to: to}}
	return s.transaction(ctx, steps, func(*pgx.Batch) {}, func(pgx.Tx, *pgx.Batch) error { return nil })
}
