package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// errRetired ends a session: the generation is no longer followed, or the checkpoint went back.
var errRetired = errors.New("checkpoint is retired or behind this process")

// errMoved says that checkpoints stand elsewhere than this process thought; see [whereMoved].
var errMoved = errors.New("checkpoint moved by another process")

// step is one partition's share of a batch: from and to are offsets, to exclusive.
type step struct {
	topic     eventlog.TopicID // that it was read from
	partition int32
	from, to  int64
	events    []fold.Event
}

// part is the step between two of its offsets.
func (s step) part(from, to int64, events []fold.Event) step {
	s.from, s.to, s.events = from, to, events
	return s
}

// eventTime is the time of the step's newest event; nil when it holds none that can be read.
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

// queueMove is the first statement of every batch: it moves all steps at once by compare-and-set. It is the fence against
// a process that lost its partition and does not know it yet: of two processes that fold the same records, only one
// commits; and against one that has read them before a restore (see [otherTopic]). The transaction must be rolled back unless it has
// moved as many rows as there are steps; else it was [errOtherTopic] or [errMoved].
func queueMove(batch *pgx.Batch, projection string, generation int, steps []step) *pgx.QueuedQuery {
	return batch.Queue(`
		update checkpoints c
		set next_offset = s.next, topic_id = s.topic_id, progressed_at = clock_timestamp(), event_time = greatest(c.event_time, s.event_time)
		from unnest($3::int[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::uuid[]) as s(partition, expected, next, event_time, topic_id)
		where c.projection = $1 and c.generation = $2 and c.partition = s.partition
		  and c.state in ('building', 'live') and c.next_offset = s.expected
		  and (c.topic_id is null or c.topic_id = s.topic_id)`,
		append([]any{projection, generation}, write.Arrays(steps, func(s step) []any {
			return []any{s.partition, s.from, s.to, s.eventTime(), storedID(s.topic)}
		})...)...)
}

// transaction begins one that moves the steps' checkpoints, reads what load queues, and runs f in it. That is one round
// trip; another one, of what f queues on last and the commit, ends it. f runs only once the checkpoints have moved:
// nothing is written before. What fails leaves nothing behind, but when the answer to the commit is lost.
func transaction(
	ctx context.Context, pool *pgxpool.Pool, projection string, generation int, steps []step, load func(first *pgx.Batch), fold func(tx pgx.Tx, last *pgx.Batch) error,
) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take connection: %w", err)
	}
	defer conn.Release() // which closes a connection that is left in a transaction
	var first, last pgx.Batch
	first.BeginTx(pgx.TxOptions{})
	moved := int64(0)
	queueMove(&first, projection, generation, steps).Exec(func(tag pgconn.CommandTag) error {
		moved = tag.RowsAffected()
		return nil
	})
	load(&first)
	results := conn.SendBatch(ctx, &first)
	tx := results.Tx()
	err = results.Close()
	if err == nil && moved != int64(len(steps)) {
		err = cmp.Or(otherTopic(ctx, tx, projection, generation, steps), errMoved)
	}
	if err == nil {
		err = fold(tx, &last)
	}
	if err == nil {
		last.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
			if tag.String() != "COMMIT" { // the server says so, and no error, of a transaction that had failed before
				return pgx.ErrTxCommitRollback
			}
			return nil
		})
		err = conn.SendBatch(ctx, &last).Close()
	}
	if err != nil {
		_ = tx.Rollback(ctx) // the first error is the one to tell
	}
	return err
}

// whereMoved returns where the checkpoints stand after [errMoved]. It must read outside of the
// transaction that met it: that one sees its own moves of the other steps, which are rolled back,
// and their events would be taken for folded. errRetired says that the steps cannot go on from there.
func whereMoved(ctx context.Context, q pg.Querier, projection string, generation int, steps []step) (map[int32]int64, error) {
	next, err := readCheckpoints(ctx, q, projection, generation)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		if now, ok := next[s.partition]; !ok || now < s.from {
			return nil, errRetired
		}
	}
	return next, nil
}

// readCheckpoints returns the next offset of each partition of a generation that is followed.
func readCheckpoints(ctx context.Context, q pg.Querier, projection string, generation int) (map[int32]int64, error) {
	type row struct {
		Partition int32
		Next      int64
	}
	rows, err := pg.List(ctx, q, "read checkpoints", pgx.RowToStructByPos[row], `
		select partition, next_offset from checkpoints
		where projection = $1 and generation = $2 and state in ('building', 'live')`, projection, generation)
	next := make(map[int32]int64, len(rows))
	for _, r := range rows {
		next[r.Partition] = r.Next
	}
	return next, err
}

// above returns the steps without what lies below the given offsets, and without empty steps.
func above(steps []step, next map[int32]int64) []step {
	var rest []step
	for _, s := range steps {
		for len(s.events) > 0 && s.events[0].Raw.Offset < next[s.partition] {
			s.events = s.events[1:]
		}
		s.from = max(s.from, next[s.partition])
		if s.from < s.to {
			rest = append(rest, s)
		}
	}
	return rest
}

// halves splits steps into two runs of about equally many events, the first to be folded first.
func halves(steps []step) (first, second []step) {
	left := count(steps) / 2
	for _, s := range steps {
		n := len(s.events)
		switch {
		case left >= n:
			first = append(first, s)
			left -= n
		case left == 0:
			second = append(second, s)
		default:
			cut := s.events[left].Raw.Offset
			first = append(first, s.part(s.from, cut, s.events[:left]))
			second = append(second, s.part(cut, s.to, s.events[left:]))
			left = 0
		}
	}
	return first, second
}

// A checkpoint says of which topic its offset is. Each move of it says from which topic was read, and of another one nothing is folded.
// Offsets alone do not tell: a restore makes topics again, with the backup's records at the same offsets, and a process that was frozen
// meanwhile may hold records of the old brokers that the backup lacks, at offsets that fit. A restore drops all checkpoints
// ([LeaveAll]): such a process finds its own gone, its session ends, and tables are made from the new topics. Brokers that give no
// ids: none is stored, and offsets alone count. They move no checkpoint that has one.

// errOtherTopic says that a checkpoint is of another topic than what was read; see [otherTopic].
var errOtherTopic = errors.New("the tables go on from another topic than the one that was read: the log was restored meanwhile, or this process " +
	"has the brokers of before. Nothing of it was folded, and it is read again. If this is said again, restart this process with the brokers " +
	"that were restored")

// storedID is a topic's id as checkpoints have it; nil when the brokers gave none.
func storedID(id eventlog.TopicID) *[16]byte {
	if id.IsZero() {
		return nil
	}
	return (*[16]byte)(&id)
}

// otherTopic is [errOtherTopic] when the checkpoint of a step is of another topic than the step.
func otherTopic(ctx context.Context, q pg.Querier, projection string, generation int, steps []step) error {
	stored, err := readPositions(ctx, q, projection, generation)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if at, ok := stored[s.partition]; ok && !at.TopicID.IsZero() && at.TopicID != s.topic {
			return fmt.Errorf("partition %d is folded from the topic with the id %s, and was read from the one with the id %s: %w",
				s.partition, at.TopicID, s.topic, errOtherTopic)
		}
	}
	return nil
}

// readPositions returns where each partition of a generation that is made or followed stands, and in which topic.
func readPositions(ctx context.Context, q pg.Querier, projection string, generation int) (map[int32]eventlog.Checkpoint, error) {
	type row struct {
		Partition int32
		Next      int64
		Topic     [16]byte
	}
	rows, err := pg.List(ctx, q, "read checkpoints", pgx.RowToStructByPos[row], `
		select c.partition, c.next_offset, coalesce(c.topic_id, g.topic_id)
		from checkpoints c join generations g using (projection, generation)
		where projection = $1 and generation = $2 and c.state in ('copying', 'building', 'live')`, projection, generation)
	positions := make(map[int32]eventlog.Checkpoint, len(rows))
	for _, r := range rows {
		positions[r.Partition] = eventlog.Checkpoint{TopicID: r.Topic, NextOffset: r.Next}
	}
	return positions, err
}
