package ledgertest

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// MemoryTopic is the id of every topic of a [Memory].
var MemoryTopic = eventlog.TopicID{1, 2, 3}

// Memory is a log in memory, for many logs and for records that are tampered with. The codec is the
// real one.
type Memory struct {
	eventlog.Codec

	Topics map[string][][]eventlog.Record // by partition
}

// NewMemory returns an empty log with these partition counts.
func NewMemory(codec eventlog.Codec, partitions map[string]int32) *Memory {
	m := &Memory{codec, map[string][][]eventlog.Record{}}
	for topic, count := range partitions {
		m.Topics[topic] = make([][]eventlog.Record, count)
	}
	return m
}

// Add appends a record to a partition.
func (m *Memory) Add(r eventlog.Record, partition int32) domain.Position {
	records := &m.Topics[r.Topic][partition]
	r.Partition, r.Offset = partition, int64(len(*records))
	*records = append(*records, r)
	return domain.Position{Topic: r.Topic, Partition: partition, Offset: r.Offset}
}

// Put appends a record to the partition of its key.
func (m *Memory) Put(r eventlog.Record) domain.Position {
	return m.Add(r, eventlog.PartitionOf(r.Key, int32(len(m.Topics[r.Topic]))))
}

// Ranges returns the offsets of all partitions.
func (m *Memory) Ranges(_ context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	ranges := make([]eventlog.PartitionRange, len(m.Topics[topic]))
	for p, records := range m.Topics[topic] {
		ranges[p] = eventlog.PartitionRange{Partition: int32(p), End: int64(len(records))}
	}
	return ranges, MemoryTopic, nil
}

// Scan passes on partitions one after another, in runs of a few records.
func (m *Memory) Scan(ctx context.Context, c eventlog.ScanConfig) error {
	for p, records := range m.Topics[c.Topic] {
		from, to := c.From[int32(p)], int64(len(records))
		if c.To != nil {
			to = c.To[int32(p)]
		}
		for from < to {
			next := min(from+3, to)
			wanted := slices.DeleteFunc(slices.Clone(records[from:next]), func(r eventlog.Record) bool {
				return c.Key != "" && c.Key != string(r.Key)
			})
			if len(wanted) > 0 {
				if err := c.Handle(ctx, eventlog.Run{Partition: int32(p), Next: next, Records: wanted}); err != nil {
					return err
				}
			}
			from = next
		}
	}
	return nil
}
