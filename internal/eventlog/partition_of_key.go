package eventlog

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// errPartitionCount means that a topic does not have its fixed number of partitions. Appending
// would scatter the streams of its keys; nothing was appended.
var errPartitionCount = errors.New("the topic does not have its fixed number of partitions")

// keyed hashes keys like the Java client (murmur2). It is stateless for records with a key.
var keyed = kgo.StickyKeyPartitioner(nil).ForTopic("")

// keyedRecords are reused, because the partition of every record is checked when it is read.
var keyedRecords = sync.Pool{New: func() any { return new(kgo.Record) }}

// PartitionOf returns the partition of a key among a fixed number of partitions, or -1 for an empty
// key.
func PartitionOf(key []byte, partitions int32) int32 {
	if len(key) == 0 || partitions < 1 {
		return -1
	}
	r := keyedRecords.Get().(*kgo.Record)
	r.Key = key
	partition := int32(keyed.Partition(r, int(partitions)))
	r.Key = nil
	keyedRecords.Put(r)
	return partition
}

// pinnedSarama is sarama's murmur2 partitioner. It refuses a topic with a partition count that is
// not the fixed one.
type pinnedSarama struct {
	sarama.Partitioner
	topic string
	count int32
}

func newPinnedSarama(counts map[string]int32) sarama.PartitionerConstructor {
	return func(topic string) sarama.Partitioner {
		return pinnedSarama{Partitioner: sarama.NewMurmur2Partitioner(topic), topic: topic, count: counts[topic]}
	}
}

func (p pinnedSarama) Partition(m *sarama.ProducerMessage, numPartitions int32) (int32, error) {
	if numPartitions != p.count {
		return -1, fmt.Errorf("%w: %s has %d instead of %d", errPartitionCount, p.topic, numPartitions, p.count)
	}
	if m.Key == nil || m.Key.Length() == 0 {
		return -1, errEmptyKey
	}
	return p.Partitioner.Partition(m, numPartitions)
}

// refusedPartition marks a record that the partitioner refused; kgo leaves it in the record.
const refusedPartition = -1

// newPinnedKgo returns the equivalent of [pinnedSarama] for kgo. A kgo partitioner cannot return an
// error: -1 makes kgo fail the record, and [refusedPartition] distinguishes this failure from
// failures of records that were sent.
func newPinnedKgo(counts map[string]int32) kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int {
			if int32(n) != counts[topic] || len(r.Key) == 0 {
				r.Partition = refusedPartition
				return refusedPartition
			}
			return keyed.Partition(r, n)
		}
	})
}
