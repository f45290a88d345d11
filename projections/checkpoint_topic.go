package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

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
