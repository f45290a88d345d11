package backup

import (
	"context"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Ends are where the backup ends, by topic and partition: where an epoch begins that follows it.
func (m *Manifest) Ends() map[string][]int64 {
	ends := map[string][]int64{}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			ends[t.Name] = append(ends[t.Name], p.End)
		}
	}
	return ends
}

// Epoch is the epoch that was begun behind the backup, by this restore or one that was cut; nil: none.
func (r *Restore) Epoch() *domain.EpochBegun { return r.epoch }

// Begin begins an epoch behind what was written, once: its record is the first behind the backup's, and there on all in-sync replicas when
// it returns.
func (r *Restore) Begin(ctx context.Context, begun domain.EpochBegun) error {
	if r.epoch != nil {
		return nil
	}
	if err := r.target.BeginEpoch(ctx, begun); err != nil {
		return err
	}
	r.epoch = &begun
	return r.readBack(ctx)
}

// beganAt tells whether what a partition holds beyond the backup is one record, which begins an epoch where the backup ends: an earlier
// restore was cut behind it.
func (r *Restore) beganAt(ctx context.Context, t Topic, id eventlog.TopicID, in eventlog.PartitionRange) (bool, error) {
	end := t.Partitions[in.Partition].End
	if t.Name != domain.TopicOperations || in.Partition != homeOf(t) || in.End != end+1 {
		return false, nil
	}
	begun, found, err := r.target.EpochAt(ctx, id, in.Partition, end)
	if err != nil || !found || !maps.EqualFunc(begun.Restored.From, r.m.Ends(), slices.Equal[[]int64]) {
		return false, err
	}
	r.epoch = &begun
	return true, nil
}

// homeOf is the partition of `operations` that has the epochs.
func homeOf(t Topic) int32 {
	return eventlog.PartitionOf([]byte(domain.OperationsKeyAll), int32(len(t.Partitions)))
}
