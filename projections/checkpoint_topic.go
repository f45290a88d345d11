package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// A checkpoint says of which topic its offset is. Whoever moves it says from which topic it has read, and of another one nothing is folded.
// Offsets alone do not tell: a restore makes topics anew, with the backup's records at the same offsets, and the tables go on where they
// stand. A process that was frozen meanwhile may hold records of the old brokers that the backup lacks, at offsets that fit.
//
// What can go wrong, and what is so then (checkpoint_topic_test.go; of restores internal/assembly, backup_known_test.go):
//
//   - A restore is cut before it has moved the tables: they are of the former topic, and a process beside the restored brokers follows
//     nothing, and says "another log". The restore is run again.
//   - It is cut while it moves them: generations and checkpoints move in one transaction, or none does.
//   - It is cut behind that: to repeat it moves nothing.
//   - A process of before wakes with a batch in its hands: its move meets the other id, also if it waited for the row while the restore
//     had it. Nothing of the batch is folded. The session ends and says so; the next one goes on where the tables stand if its
//     brokers are the restored ones, and follows nothing beside the old ones.
//   - It folds parked events again, by itself or because an operator asks: it compares the ids while it holds the partition, and folds
//     none.
//   - It wakes in the middle of a rebuild: what it has copied is rolled back in the same way.
//   - An older state is restored (--older): all checkpoints are dropped, the session ends. Tables made anew are of the new topic.
//   - Rows of before this column have no id: the first move notes it. A restore gives one to all rows of the tables that it moves, so that
//     a process of before is no first.
//   - A process of a release without the column does not look, and does not write it. Releases are not mixed across a restore.
//   - Brokers that give no ids: none is stored, and offsets alone count, as before. They move no checkpoint that has one.

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
func otherTopic(ctx context.Context, q querier, projection string, generation int, steps []step) error {
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
func readPositions(ctx context.Context, q querier, projection string, generation int) (map[int32]eventlog.Checkpoint, error) {
	rows, err := q.Query(ctx, `
		select c.partition, c.next_offset, coalesce(c.topic_id, g.topic_id)
		from checkpoints c join generations g using (projection, generation)
		where projection = $1 and generation = $2 and c.state in ('copying', 'building', 'live')`, projection, generation)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	positions := map[int32]eventlog.Checkpoint{}
	var partition int32
	var offset int64
	var topic [16]byte
	_, err = pgx.ForEachRow(rows, []any{&partition, &offset, &topic}, func() error {
		positions[partition] = eventlog.Checkpoint{TopicID: topic, NextOffset: offset}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return positions, nil
}
