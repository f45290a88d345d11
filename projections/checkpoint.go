package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// errMoved means that checkpoints are not where this process expected them.
var errMoved = errors.New("checkpoint moved by another process")

// step is one partition's share of a batch. from and to are offsets; to is exclusive.
type step struct {
	topic     eventlog.TopicID // of the topic that was read
	partition int32
	from, to  int64
	events    []fold.Event
}

func (s step) part(from, to int64, events []fold.Event) step {
	s.from, s.to, s.events = from, to, events
	return s
}

// eventTime returns the time of the step's newest readable event; nil if it has none.
func (s step) eventTime() *time.Time {
	var newest *time.Time
	for i := range s.events {
		at := &s.events[i].Envelope.Time
		if s.events[i].Err == nil && (newest == nil || at.After(*newest)) {
			newest = at
		}
	}
	return newest
}

// transaction runs a batch in two round trips. The first one begins the transaction, moves the
// checkpoints and runs the queries that load queues. The second one sends the statements that fold
// queued on last, and the commit. fold runs only if the checkpoints moved, so nothing is written
// before that. After an error, nothing is stored, unless only the answer to the commit was lost.
//
// The move is a compare-and-set. It fences off a process that has lost its partition without
// knowing it: of two processes that fold the same records, only one commits. It also fences off a
// process that read its records before a restore: see [otherTopic].
func (s *session) transaction(
	ctx context.Context, steps []step, load func(first *pgx.Batch), fold func(tx pgx.Tx, last *pgx.Batch) error,
) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", err)
	}
	defer conn.Release() // closes a connection that is still in a transaction
	var first, last pgx.Batch
	first.BeginTx(pgx.TxOptions{})
	name, number, moved := s.projector.Name, s.number, int64(0)
	first.Queue(`
		update checkpoints c set next_offset = s.next, topic_id = s.topic_id,
		       progressed_at = clock_timestamp(), event_time = greatest(c.event_time, s.event_time)
		from unnest($3::int[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::uuid[])
			as s(partition, expected, next, event_time, topic_id)
		where c.projection = $1 and c.generation = $2 and c.partition = s.partition
		  and c.next_offset = s.expected
		  and (c.topic_id is null or c.topic_id = s.topic_id)`,
		append([]any{name, number}, write.Arrays(steps, func(next step) []any {
			return []any{next.partition, next.from, next.to, next.eventTime(), storedID(next.topic)}
		})...)...).Exec(func(tag pgconn.CommandTag) error {
		moved = tag.RowsAffected()
		return nil
	})
	load(&first)
	results := conn.SendBatch(ctx, &first)
	tx := results.Tx()
	err = results.Close()
	if err == nil && moved != int64(len(steps)) {
		err = cmp.Or(otherTopic(ctx, tx, name, number, steps), errMoved)
	}
	if err == nil {
		err = fold(tx, &last)
	}
	if err == nil {
		last.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
			if tag.String() != "COMMIT" { // the server answers ROLLBACK, not an error, if the transaction had failed
				return pgx.ErrTxCommitRollback
			}
			return nil
		})
		err = conn.SendBatch(ctx, &last).Close()
	}
	if err != nil {
		_ = tx.Rollback(ctx) // the first error is the one to report
	}
	return err
}

// halves splits steps into two parts with about the same number of events. The first part must be
// folded first.
func halves(steps []step) (first, second []step) {
	remaining := count(steps) / 2
	for _, s := range steps {
		n := len(s.events)
		switch {
		case remaining >= n:
			first = append(first, s)
			remaining -= n
		case remaining == 0:
			second = append(second, s)
		default:
			cut := s.events[remaining].Raw.Offset
			first = append(first, s.part(s.from, cut, s.events[:remaining]))
			second = append(second, s.part(cut, s.to, s.events[remaining:]))
			remaining = 0
		}
	}
	return first, second
}

// A checkpoint contains the id of the topic that its offset belongs to. Each move passes the id of
// the topic that was read; if the ids differ, nothing is folded. Offsets alone are not enough: a
// restore creates the topics again, with the backup's records at the same offsets. A process that
// was frozen in the meantime may hold records of the old brokers that the backup lacks, at offsets
// that match. A restore also deletes all checkpoints ([DropAll]), so the session of such a process
// ends, and tables are built from the new topics. If the brokers report no topic
// ids, none is stored, and only offsets are compared. A process that uses such brokers cannot move
// a checkpoint that has an id.

var errOtherTopic = errors.New("the tables were built from a different topic than the one that was read: " +
	"the log was restored, or this process uses the previous brokers. Nothing was folded; the topic is read again. " +
	"If this error repeats, restart this process with the addresses of the restored brokers")

// storedID returns a topic's id as stored in checkpoints; nil if the brokers reported none.
func storedID(id eventlog.TopicID) *[16]byte {
	if id.IsZero() {
		return nil
	}
	return (*[16]byte)(&id)
}

// otherTopic returns [errOtherTopic] if the checkpoint of a step belongs to a different topic than
// the step.
func otherTopic(ctx context.Context, q pg.Querier, projection string, generation int, steps []step) error {
	stored, err := readCheckpoints(ctx, q, projection, generation)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if at, ok := stored[s.partition]; ok && !at.TopicID.IsZero() && at.TopicID != s.topic {
			return fmt.Errorf("partition %d was folded from topic id %s and read from topic id %s: %w",
				s.partition, at.TopicID, s.topic, errOtherTopic)
		}
	}
	return nil
}

// readCheckpoints returns the checkpoint of each partition of a generation that has not ended.
func readCheckpoints(
	ctx context.Context, q pg.Querier, projection string, generation int,
) (map[int32]eventlog.Checkpoint, error) {
	type row struct {
		Partition int32
		Next      int64
		Topic     [16]byte
	}
	rows, err := pg.List(ctx, q, "read checkpoints", pgx.RowToStructByPos[row], `
		select c.partition, c.next_offset, coalesce(c.topic_id, g.topic_id)
		from checkpoints c join generations g using (projection, generation)
		where projection = $1 and generation = $2`,
		projection, generation)
	positions := make(map[int32]eventlog.Checkpoint, len(rows))
	for _, r := range rows {
		positions[r.Partition] = eventlog.Checkpoint{TopicID: r.Topic, NextOffset: r.Next}
	}
	return positions, err
}
