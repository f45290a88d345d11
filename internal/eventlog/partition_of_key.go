package eventlog

import (
	"errors"
	"sync"

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

// refusedPartition marks a record that the partitioner refused; kgo leaves it in the record.
const refusedPartition = -1

// newPinned returns a murmur2 partitioner that refuses a topic with a partition count that is not
// the fixed one. A kgo partitioner cannot return an error: -1 makes kgo fail the record, and
// [refusedPartition] distinguishes this failure from failures of records that were sent.
func newPinned(counts map[string]int32) kgo.Partitioner {
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
