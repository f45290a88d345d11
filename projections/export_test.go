package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
		if problem := s.status().problem; problem != "" {
			return problem
		}
	}
	return e.problem
}

// FigurePayloads returns the notices of a batch of events.
func FigurePayloads(events []fold.Event) ([]string, error) {
	return figurePayloads(figureChanges(events))
}

// NotFollowed returns the log's reasons for not following partitions; Status also checks itself.
func (e *Engine) NotFollowed() map[int32]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[int32]string{}
	for _, s := range e.sessions {
		maps.Copy(all, s.status().stopped)
	}
	return all
}

// ReassignPartitions gives a session of a generation all partitions, as after another process has
// left the group.
func (e *Engine) ReassignPartitions(ctx context.Context, number int, partitions ...int32) error {
	s := newSession(e.work, generation{Number: number}, "")
	defer s.closeTables()
	if err := s.openTables(ctx); err != nil {
		return err
	}
	_, err := s.positions(ctx, partitions)
	return err
}

// Stepped returns a channel that is closed at the next reported step of the projection's
// generations.
func (e *Engine) Stepped() <-chan struct{} { return e.stepped() }

// InBatchesOf sets the maximum number of records per transaction, and per page of parked records.
func (e *Engine) InBatchesOf(n int) *Engine {
	e.maxRecords = n
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

// FoldInBulk folds the topic up to offsets into a target, partition by partition, and returns the
// parked events.
func FoldInBulk(
	ctx context.Context, c Config, to map[int32]int64, into write.CopyTarget, refused func(fold.Event) *fold.ParkError,
) (parked []string, err error) {
	w, err := newWork(c)
	if err != nil {
		return nil, err
	}
	var ranges []eventlog.PartitionRange
	for partition, end := range to {
		ranges = append(ranges, eventlog.PartitionRange{Partition: partition, End: end})
	}
	folds, err := w.foldTopic(ctx, [16]byte{}, ranges, into, refused, 1)
	if err != nil {
		return nil, err
	}
	for _, f := range folds {
		for _, r := range f.rows() {
			parked = append(parked, fmt.Sprintf("%d/%d %s %s %s %s %s", r.Partition, r.Offset, r.Key, r.Type, r.EventID, r.Reason, r.State))
		}
	}
	return parked, nil
}

// Claims reports whether a process that took a rebuild under this lease would get a shard of it. It
// claims nothing.
func (e *Engine) Claims(ctx context.Context, rebuild string, lease int64, partition int32) (claimed bool, err error) {
	tx, err := e.pool.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(ctx)
	err = (&running{Engine: e, Rebuild: operator.Rebuild{ID: rebuild}, lease: lease}).claim(ctx, tx, partition)
	if errors.Is(err, errLeaseLost) {
		return false, nil
	}
	return err == nil, err
}

// Another creates another generation next to the existing ones; engines follow it.
func (e *Engine) Another(ctx context.Context) (number int, err error) {
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic)
	if err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		g, err := e.createGeneration(ctx, tx, StateBuilding, ranges, topicID)
		number = g.Number
		return err
	})
	return number, err
}

// CheckDue runs the checks of tables that are due.
func CheckDue(ctx context.Context, pool *pgxpool.Pool, engines ...*Engine) error {
	return runDue(ctx, pool, engines, slog.New(slog.DiscardHandler))
}

// Yield waits like a shard of a rebuild while behind is set.
func Yield(ctx context.Context, behind *atomic.Bool) error {
	return (&running{behind: behind}).yield(ctx)
}

// Reasons why a checkpoint does not move.
var (
	ErrOtherTopic = errOtherTopic
	ErrMoved      = errMoved
)

// Move moves a checkpoint like the fold of a batch that was read from a topic.
func Move(ctx context.Context, pool *pgxpool.Pool, projection string, number int, topic eventlog.TopicID, partition int32, from, to int64) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		steps := []step{{topic: topic, partition: partition, from: from, to: to}}
		var batch pgx.Batch
		moved := int64(0)
		queueMove(&batch, projection, number, steps).Exec(func(tag pgconn.CommandTag) error {
			moved = tag.RowsAffected()
			return nil
		})
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil || moved == 1 {
			return err
		}
		return cmp.Or(otherTopic(ctx, tx, projection, number, steps), errMoved)
	})
}
