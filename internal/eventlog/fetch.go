package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
)

// fetched is one answer to a raw fetch.
type fetched struct {
	records []*kgo.Record
	from    int64
	next    int64 // the next offset to fetch; equal to the requested one if nothing was returned
}

// errNoPartition is the answer to a client above its quota. The client waits as the broker
// requires, and retries.
var errNoPartition = errors.New("the broker's answer holds no partition (a quota may throttle this client)")

// fetcher reads one partition by raw requests. Unlike a consumer it sees answers without records,
// so a scan can detect that compaction left nothing up to its end. It names the topic by id, so a
// topic that was created again under the same name is an error.
type fetcher struct {
	cluster   *cluster
	topic     string // the domain's name
	id        TopicID
	partition int32
	maxBytes  int32
	// need is a known end offset. An answer without records from a leader that has not reached it,
	// because it was just elected, says nothing about compaction, so the fetch is repeated.
	need   int64
	leader int32 // -1: unknown
}

func newFetcher(cl *cluster, topic string, id TopicID, partition, maxBytes int32) *fetcher {
	return &fetcher{cluster: cl, topic: topic, id: id, partition: partition, maxBytes: maxBytes, leader: -1}
}

// fetchRetryTime bounds how long a fetch retries during a leader election or a broker's restart.
const fetchRetryTime = 30 * time.Second

// fetch reads from offset. An offset outside the log is [ErrOutOfRange].
func (f *fetcher) fetch(ctx context.Context, offset int64) (fetched, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 2*time.Second
	return backoff.Retry(ctx, func() (fetched, error) {
		got, err := f.try(ctx, offset)
		if err != nil && !retriable(err) {
			return fetched{}, backoff.Permanent(err)
		}
		if err != nil {
			f.leader = -1
		}
		return got, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(fetchRetryTime))
}

// retriable reports whether another attempt, perhaps at another leader, can succeed. Other errors
// than those of the Kafka protocol are connection errors.
func retriable(err error) bool {
	if protocol, ok := errors.AsType[*kerr.Error](err); ok {
		return protocol.Retriable && !errors.Is(err, kerr.UnknownTopicID) && !errors.Is(err, kerr.UnknownTopicOrPartition)
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) &&
		!errors.Is(err, kgo.ErrClientClosed) && !errors.Is(err, ErrOutOfRange) && !errors.Is(err, errTopicMissing)
}

func (f *fetcher) try(ctx context.Context, offset int64) (fetched, error) {
	if err := f.findLeader(ctx); err != nil {
		return fetched{}, err
	}
	response, err := f.cluster.client.Broker(int(f.leader)).Request(ctx, f.request(offset))
	if err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, err)
	}
	resp, ok := response.(*kmsg.FetchResponse)
	if !ok {
		return fetched{}, fmt.Errorf("fetch %s/%d: the broker answered with %T", f.topic, f.partition, response)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, errNoPartition)
	}
	return f.read(&resp.Topics[0].Partitions[0], offset)
}

func (f *fetcher) request(offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SessionEpoch = -1 // no fetch session: every answer names the partition
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 0, 0, f.maxBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = f.cluster.cfg.wireName(f.topic), f.id
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = f.partition, offset, f.maxBytes
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	return req
}

func (f *fetcher) read(p *kmsg.FetchResponseTopicPartition, offset int64) (fetched, error) {
	opts := kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: f.topic, Partition: f.partition, KeepControlRecords: true}
	part, next := kgo.ProcessFetchPartition(opts, p, f.cluster.decompressor, nil)
	if errors.Is(part.Err, kerr.OffsetOutOfRange) {
		return fetched{}, fmt.Errorf("%w: %s/%d at %d", ErrOutOfRange, f.topic, f.partition, offset)
	}
	if part.Err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, part.Err)
	}
	if len(part.Records) == 0 && part.HighWatermark < f.need {
		return fetched{}, fmt.Errorf("%w: %s/%d ends at %d, but %d was known", ErrBeyondEnd, f.topic, f.partition, part.HighWatermark, f.need)
	}
	return fetched{records: part.Records, from: offset, next: max(next, offset)}, nil
}

func (f *fetcher) findLeader(ctx context.Context) error {
	if f.leader >= 0 {
		return nil
	}
	described, err := f.cluster.describe(ctx, f.topic)
	if err != nil {
		return err
	}
	if !f.id.IsZero() && described.id != f.id {
		return fmt.Errorf("fetch %s/%d: %w", f.topic, f.partition, &otherLogError{want: f.id, got: described.id})
	}
	partition, ok := described.partitions[f.partition]
	if !ok {
		return fmt.Errorf("fetch %s/%d: %w", f.topic, f.partition, kerr.UnknownTopicOrPartition)
	}
	if partition.Leader < 0 {
		return fmt.Errorf("fetch %s/%d: %w", f.topic, f.partition, kerr.LeaderNotAvailable)
	}
	f.leader = partition.Leader
	return nil
}

// Reasons why a partition cannot be read from a position, for errors.Is. With ErrOtherLog,
// ErrBelowStart, ErrBeyondEnd and ErrGap the tables do not belong to this log and must be rebuilt.
var (
	// ErrOtherLog: the topic has another id, because it was deleted and created again.
	ErrOtherLog = errors.New("another log: rebuild")
	// ErrBelowStart: records between the position and the log's start are gone.
	ErrBelowStart = errors.New("another log: rebuild (records after the checkpoint are gone)")
	// ErrBeyondEnd: the log ends before the position.
	ErrBeyondEnd = errors.New("another log: rebuild (the log ends before the checkpoint)")
	// ErrGap: an offset is missing on a topic that is not compacted.
	ErrGap = errors.New("another log: rebuild (offsets are missing)")
	// ErrOutOfRange: the requested offset is outside the log.
	ErrOutOfRange = errors.New("offset out of range")
	// ErrNoRecord: there is no record at the offset (compacted, or not written yet).
	ErrNoRecord = errors.New("no record at this offset")
)

type otherLogError struct{ want, got TopicID }

func (e *otherLogError) Error() string {
	return fmt.Sprintf("%s, or configure the brokers that the tables were built from (topic id %s, checkpoint has %s)",
		ErrOtherLog, e.got, e.want)
}

func (e *otherLogError) Unwrap() error { return ErrOtherLog }

// Ranges returns the offsets of each partition, sorted by partition, and the topic's id.
func (cl *cluster) Ranges(ctx context.Context, topic string) ([]PartitionRange, TopicID, error) {
	described, err := cl.describe(ctx, topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	ranges, err := cl.ranges(ctx, described)
	return ranges, described.id, err
}

func (cl *cluster) ranges(ctx context.Context, described topicState) ([]PartitionRange, error) {
	starts, err := offsets(ctx, described, cl.admin.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	ends, err := offsets(ctx, described, cl.admin.ListEndOffsets)
	if err != nil {
		return nil, err
	}
	ranges := make([]PartitionRange, 0, len(ends))
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		ranges = append(ranges, PartitionRange{Partition: p, Start: starts[p].Offset, End: ends[p].Offset})
	}
	return ranges, nil
}

// ReadAt returns the record at a position. [ErrNoRecord] means that compaction removed it or that
// it is not written yet, [ErrOutOfRange] that the position is outside the log.
func (cl *cluster) ReadAt(ctx context.Context, at domain.Position) (Record, error) {
	described, err := cl.describe(ctx, at.Topic)
	if err != nil {
		return Record{}, err
	}
	got, err := newFetcher(cl, at.Topic, described.id, at.Partition, 1).fetch(ctx, at.Offset)
	if err != nil {
		return Record{}, err
	}
	if len(got.records) == 0 || got.records[0].Offset != at.Offset || got.records[0].Attrs.IsControl() {
		return Record{}, fmt.Errorf("%w: %s/%d at %d", ErrNoRecord, at.Topic, at.Partition, at.Offset)
	}
	return fromKgo(at.Topic, got.records[0]), nil
}
