package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// errRetired ends a session: the generation is no longer followed, or the checkpoint went back.
var errRetired = errors.New("checkpoint is retired or behind this process")

// errMoved says that checkpoints stand elsewhere than this process thought; see [session.whereMoved].
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
// commits; and against one that has read them before a restore (checkpoint_topic.go). The transaction must be rolled back unless it has
// moved as many rows as there are steps; see [whyNotMoved].
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

// whyNotMoved is [errOtherTopic] if a step was read from another topic, and else [errMoved].
func whyNotMoved(ctx context.Context, q querier, projection string, generation int, steps []step) error {
	if err := otherTopic(ctx, q, projection, generation, steps); err != nil {
		return err
	}
	return errMoved
}

// transaction begins one that moves the steps' checkpoints, reads what load queues, and runs f in it. That is one round
// trip; another one, of what f queues on last and the commit, ends it. f runs only once the checkpoints have moved:
// nothing is written before. What fails leaves nothing behind, but when the answer to the commit is lost.
func (f *session) transaction(
	ctx context.Context, generation int, steps []step, load func(first *pgx.Batch), fold func(tx pgx.Tx, last *pgx.Batch) error,
) error {
	conn, err := f.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take connection: %w", err)
	}
	defer conn.Release() // which closes a connection that is left in a transaction
	var first, last pgx.Batch
	first.BeginTx(pgx.TxOptions{})
	moved := int64(0)
	queueMove(&first, f.projector.Name(), generation, steps).Exec(func(tag pgconn.CommandTag) error {
		moved = tag.RowsAffected()
		return nil
	})
	load(&first)
	results := conn.SendBatch(ctx, &first)
	tx := results.Tx()
	err = results.Close()
	if err == nil && moved != int64(len(steps)) {
		err = whyNotMoved(ctx, tx, f.projector.Name(), generation, steps)
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
func (f *session) whereMoved(ctx context.Context, generation int, steps []step) (map[int32]int64, error) {
	next, err := readCheckpoints(ctx, f.pool, f.projector.Name(), generation)
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
func readCheckpoints(ctx context.Context, q querier, projection string, generation int) (map[int32]int64, error) {
	return readOffsets(ctx, q, `
		select partition, next_offset from checkpoints
		where projection = $1 and generation = $2 and state in ('building', 'live')`, projection, generation)
}

// readOffsets reads an offset for each partition.
func readOffsets(ctx context.Context, q querier, sql string, args ...any) (map[int32]int64, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	next := map[int32]int64{}
	var partition int32
	var offset int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &offset}, func() error {
		next[partition] = offset
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return next, nil
}

// querier is what pools and transactions have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
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
