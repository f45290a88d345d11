package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// A stream that has stopped is folded again from its start, with the skips that it contains, when an
// operator asks for it or a session meets a skip. Column streams.fold_again says so, and a process
// that holds the partition does it. If that process dies, freezes, or is not the only one:
//
//   - Asked for, or the skip met: the row is committed, the skip's with the move of the head. The
//     next process finds it.
//   - While the log is read and folded in memory: no row has changed, and the next process begins
//     again.
//   - From the deletion of the old rows to the commit: the transaction is rolled back. The server
//     ends the session of a frozen process.
//   - After the commit: the stream is no longer due.
//   - Two processes: the second waits for the lock of the stream, and finds that it is not due.

// foldDueAgain folds the streams of this process's partitions again that are due.
func (s *session) foldDueAgain(ctx context.Context) (time.Duration, error) {
	due, err := s.dueStreams(ctx)
	for _, target := range due {
		err = errors.Join(err, s.foldAgain(ctx, target))
	}
	if errors.Is(err, errDone) {
		return 0, err
	}
	if err != nil && ctx.Err() == nil {
		s.logger.Warn("cannot fold a stream again", "error", err)
	}
	return s.every.look, nil
}

type dueStream struct {
	Key       string
	Partition int32
	StoppedAt int64 // 0: it has not stopped
}

func (s *session) dueStreams(ctx context.Context) ([]dueStream, error) {
	var partitions []int32
	s.update(func() {
		for partition := range s.checkpoints {
			partitions = append(partitions, partition)
		}
	})
	return pg.List(ctx, s.pool, "read streams to fold again", pgx.RowToStructByPos[dueStream], `
		select stream_key, partition, coalesce(stopped_at, 0) from streams
		where projection = $1 and generation = $2 and fold_again and partition = any($3)`,
		s.projector.Name, s.number, partitions)
}

// foldAgain folds a stream again from its start. If the database refuses its rows, it finds the
// first version whose rows are refused, at which the stream then stops.
func (s *session) foldAgain(ctx context.Context, target dueStream) error {
	head, err := s.replaceStream(ctx, target, math.MaxInt64, nil, false)
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !pg.IsDataError(err) {
		return err
	}
	bad, failed := fold.RefusedByDatabase(refused), error(nil)
	accepted := sort.Search(int(head), func(n int) bool {
		_, err := s.replaceStream(ctx, target, int64(n)+1, bad, true)
		if !pg.IsDataError(err) {
			failed = cmp.Or(failed, err)
		}
		return pg.IsDataError(err)
	})
	if failed == nil {
		_, failed = s.replaceStream(ctx, target, int64(accepted), bad, false)
	}
	return failed
}

// replaceStream folds a stream in memory, and then replaces its rows in one transaction, except those
// that ended before the first version that is folded differently: they are stored. The rows
// that are final are written first, because no other fold writes rows of a stopped stream. For the
// rest, the transaction holds the checkpoint of the partition, for whose streams no event can be
// folded meanwhile. It refuses the events after version last. A trial is rolled back. It returns the
// version of the head that was read.
func (s *session) replaceStream(
	ctx context.Context, target dueStream, last int64, bad *fold.BadEventError, trial bool,
) (head int64, err error) {
	stored, err := readCheckpoints(ctx, s.pool, s.projector.Name, s.number)
	at, ok := stored[target.Partition]
	if err != nil || !ok {
		return 0, cmp.Or(err, errDone)
	}
	read := eventlog.PartitionRange{Partition: target.Partition, End: at.NextOffset}
	again := s.newShard(target.Partition, refusing{s.projector.Begin(s.number), last, bad})
	err = again.findSkips(func(handle func(eventlog.Record) error) error {
		return s.scan(ctx, at.TopicID, read, target.Key, eventlog.ByRecord(handle))
	})
	var from int64
	if err == nil {
		from, err = again.readStream(ctx, at.TopicID, read, target)
	}
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", target.Key, err)
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		due, err := s.lockStream(ctx, tx, target)
		if err == nil && due {
			err = s.replaceFinalRows(ctx, tx, target.Key, again, from)
		}
		if err != nil || !due {
			return err
		}
		since := eventlog.PartitionRange{Partition: target.Partition, Start: read.End}
		if since.End, err = s.lockCheckpoint(ctx, tx, target.Partition); err != nil {
			return err
		}
		if since.Start < since.End {
			if _, err := again.readStream(ctx, at.TopicID, since, target); err != nil {
				return err
			}
		}
		if err := s.writeRest(ctx, tx, target.Key, again, from); err != nil || !trial {
			return err
		}
		return errTrial
	})
	if errors.Is(err, errTrial) {
		err = nil
	}
	return again.streams.known[target.Key].head.Version, pg.Wrap("fold stream "+target.Key+" again", err)
}

var errTrial = errors.New("rolled back after a trial")

// readStream folds a range of one stream, without writing rows. It returns the first version whose
// rows may differ from those that are stored: where the stream had stopped or stops now, or an event
// that a later record skips. Final rows that ended before are not kept.
func (s *shard) readStream(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, due dueStream,
) (from int64, err error) {
	from = due.StoppedAt
	for skipped, by := range s.streams.skips[due.Key] {
		if by >= due.StoppedAt {
			from = min(from, skipped)
		}
	}
	err = s.scan(ctx, id, r, due.Key, func(ctx context.Context, run eventlog.Run) error {
		events, _ := s.eventsOf(run)
		for _, ev := range events {
			s.addEvent(ev)
			if len(s.projector.Ends) == 0 || s.streams.of(ev.Raw).head.Version >= from {
				continue // its rows are written later
			}
			if err := s.writeFinal(write.Discard{Ctx: ctx}); err != nil {
				return err
			}
		}
		return nil
	})
	if st := s.streams.known[due.Key]; st != nil && st.stoppedAt > 0 {
		from = min(from, st.stoppedAt)
	}
	return from, err
}

// writeRows writes rows of a stream that ended at a version or later: those that are final, or all
// that are left.
func (s *shard) writeRows(ctx context.Context, tx pgx.Tx, from int64, last bool) error {
	return write.Copy(ctx, tx.Conn(), new(sync.Mutex), func(into write.Sink) error {
		into.(*write.Copies).Since(from, s.projector.Ends) //nolint:forcetypeassert // Copy passes it
		return s.fold.Write(into, last)
	})
}

func unobserved(int64) {}

// lockStream waits for other processes that fold a stream again, and reports whether it must still
// be, and has stopped at the same version.
func (s *session) lockStream(ctx context.Context, tx pgx.Tx, target dueStream) (due bool, err error) {
	err = pg.Exec(ctx, tx, "lock stream", `select pg_advisory_xact_lock(hashtext($1))`,
		"ledgerboard stream "+generationName(s.projector.Name, s.number)+" "+target.Key)
	if err != nil {
		return false, err
	}
	return pg.QueryBool(ctx, tx, "look whether a stream is due", `
		select exists (
			select from streams where projection = $1 and generation = $2 and stream_key = $3 and fold_again
			  and coalesce(stopped_at, 0) = $4)`,
		s.projector.Name, s.number, target.Key, target.StoppedAt)
}

// replaceFinalRows deletes the rows of a stream that ended at a version or later, and writes those
// that no later event changes.
func (s *session) replaceFinalRows(ctx context.Context, tx pgx.Tx, key string, again *shard, from int64) error {
	var first pgx.Batch
	for _, table := range s.projector.Tables {
		if end := s.projector.Ends[table]; end != "" {
			first.Queue("delete from "+table+" where "+tenantColumn+" = $1 and "+end+" >= $2", key, from)
		} else {
			first.Queue("delete from "+table+" where "+tenantColumn+" = $1", key)
		}
	}
	first.Queue(`delete from dead_letters where projection = $1 and generation = $2 and stream_key = $3`,
		s.projector.Name, s.number, key)
	if err := write.Send(ctx, tx, &first); err != nil {
		return fmt.Errorf("delete rows: %w", err)
	}
	return again.writeRows(ctx, tx, from, false)
}

// lockCheckpoint locks the checkpoint of a partition and returns it.
func (s *session) lockCheckpoint(ctx context.Context, tx pgx.Tx, partition int32) (int64, error) {
	next, found, err := pg.Find(ctx, tx, "lock checkpoint", pgx.RowTo[int64], `
		select next_offset from checkpoints
		where projection = $1 and generation = $2 and partition = $3 for update`,
		s.projector.Name, s.number, partition)
	if err == nil && !found {
		err = errDone
	}
	return next, err
}

func (s *session) writeRest(ctx context.Context, tx pgx.Tx, key string, again *shard, from int64) error {
	if err := again.writeRows(ctx, tx, from, true); err != nil {
		return err
	}
	var last pgx.Batch
	last.Queue(commitSynchronously)
	last.Queue(`update streams set fold_again = false where projection = $1 and generation = $2 and stream_key = $3`,
		s.projector.Name, s.number, key)
	streamsTable.Queue(&last, again.streams.rows(s.projector.Name, s.number))
	s.logDeadLetters(again.rows())
	s.queueDeadLetters(&last, s.number, again.rows())
	last.Queue(notifySQL, []string{pg.ProgressChannel}, []string{pg.ProgressPayload(s.projector.Name, []string{key})})
	return pg.Wrap("insert rows", write.Send(ctx, tx, &last))
}

// commitSynchronously is for rows that a command waits for. Even after a crash of PostgreSQL, the
// next decision must see them: an update without changes appends no record, so a decision based on
// older rows would go unnoticed.
const commitSynchronously = `set local synchronous_commit to on`
