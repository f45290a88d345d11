package eventlog

import (
	"cmp"
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

// fetched is the result of a fetch request.
type fetched struct {
	records []*kgo.Record
	from    int64 // the requested offset
	next    int64 // the next offset to fetch; equal to from if there were no records
}

var errNoPartition = errors.New("the broker's response contains no partition")

// throttledError is the answer of a broker without records, because a quota throttles this client.
type throttledError struct{ wait time.Duration }

func (t *throttledError) Error() string {
	return fmt.Sprintf("a quota of the brokers delays reading by %s", t.wait)
}

// fetcher reads one partition with raw fetch requests. Unlike a consumer, it sees responses without
// records, so a scan detects that compaction left no records up to its end. It identifies the topic
// by id, so reading fails if the topic was deleted and created again.
type fetcher struct {
	cluster   *cluster
	topic     string // the domain's name
	id        TopicID
	partition int32
	maxBytes  int32
	// need is a known end offset. If a newly elected leader has not reached it yet, a response
	// without records says nothing about compaction, and the fetch is repeated.
	need   int64
	leader int32 // -1: unknown
}

func newFetcher(cl *cluster, topic string, id TopicID, partition, maxBytes int32) *fetcher {
	return &fetcher{cluster: cl, topic: topic, id: id, partition: partition, maxBytes: maxBytes, leader: -1}
}

// fetchRetryTime bounds how long a fetch retries during a leader election or a broker's restart.
const fetchRetryTime = 30 * time.Second

// fetch reads records from an offset. It returns [ErrOutOfRange] if the offset is outside the log.
// A quota may delay it without limit: a broker that asks to wait does answer.
func (f *fetcher) fetch(ctx context.Context, offset int64) (fetched, error) {
	for {
		got, err := f.tryInTime(ctx, offset)
		throttled, ok := errors.AsType[*throttledError](err)
		if !ok {
			return got, err
		}
		if f.cluster.cfg.warnings.due("quota") {
			f.cluster.log.WarnContext(ctx, "reading the log is slow", "topic", f.topic, "reason", throttled)
		}
		select {
		case <-time.After(throttled.wait):
		case <-ctx.Done():
			return fetched{}, context.Cause(ctx)
		}
	}
}

// tryInTime retries until a broker answers, within fetchRetryTime.
func (f *fetcher) tryInTime(ctx context.Context, offset int64) (fetched, error) {
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
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(cmp.Or(f.cluster.cfg.fetchRetry, fetchRetryTime)))
}

// retriable reports whether another attempt, perhaps with another leader, may succeed.
func retriable(err error) bool {
	if _, ok := errors.AsType[*throttledError](err); ok {
		return false // for the caller
	}
	if protocol, ok := errors.AsType[*kerr.Error](err); ok {
		return protocol.Retriable &&
			!errors.Is(err, kerr.UnknownTopicID) && !errors.Is(err, kerr.UnknownTopicOrPartition)
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
		return fetched{}, fmt.Errorf("fetch %s/%d: unexpected response of type %T", f.topic, f.partition, response)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, err)
	}
	if len(resp.Topics) == 0 && resp.ThrottleMillis > 0 {
		return fetched{}, &throttledError{time.Duration(resp.ThrottleMillis) * time.Millisecond}
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, errNoPartition)
	}
	return f.read(&resp.Topics[0].Partitions[0], offset)
}

func (f *fetcher) request(offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SessionEpoch = -1 // no fetch session, so that every response contains the partition
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
	opts := kgo.ProcessFetchPartitionOpts{
		Offset: offset, Topic: f.topic, Partition: f.partition, KeepControlRecords: true,
	}
	part, next := kgo.ProcessFetchPartition(opts, p, f.cluster.decompressor, nil)
	if errors.Is(part.Err, kerr.OffsetOutOfRange) {
		return fetched{}, fmt.Errorf("%w: %s/%d at %d", ErrOutOfRange, f.topic, f.partition, offset)
	}
	if part.Err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, offset, missingRight(part.Err, "Read"))
	}
	if len(part.Records) == 0 && part.HighWatermark < f.need {
		return fetched{}, fmt.Errorf("%w: %s/%d ends at %d, but ended at %d before",
			ErrBeyondEnd, f.topic, f.partition, part.HighWatermark, f.need)
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

// Reasons why a partition cannot be read from a position, for errors.Is. The first four mean that
// the log is not the one that the position was stored for, or that it has lost records: either the
// log must be restored or the tables must be rebuilt.
var (
	// ErrOtherLog means that the topic has a different id: it was deleted and created again, or it
	// is on other brokers.
	ErrOtherLog = errors.New("the tables were built from another log")
	// ErrBelowStart means that the log starts after the position, on a topic that is not compacted.
	ErrBelowStart = errors.New("required records are gone from the log")
	// ErrBeyondEnd means that the log ends before the position.
	ErrBeyondEnd = errors.New("the log is shorter than expected")
	// ErrGap means that an offset is missing on a topic that is not compacted.
	ErrGap = errors.New("offsets are missing")
	// ErrOutOfRange means that the requested offset is outside the log.
	ErrOutOfRange = errors.New("offset out of range")
	// ErrNoRecord means that the record was compacted away or is not written yet.
	ErrNoRecord = errors.New("no record at this offset")
)

type otherLogError struct{ want, got TopicID }

func (o *otherLogError) Error() string {
	return fmt.Sprintf("%s: configure the brokers of that log, or rebuild the tables (the topic has id %s, the "+
		"checkpoint %s)", ErrOtherLog, o.got, o.want)
}

func (o *otherLogError) Unwrap() error { return ErrOtherLog }

// Ranges returns the offset ranges of a topic, sorted by partition, and the topic's id.
func (c *cluster) Ranges(ctx context.Context, topic string) ([]PartitionRange, TopicID, error) {
	described, err := c.describe(ctx, topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	ranges, err := c.ranges(ctx, described)
	return ranges, described.id, err
}

func (c *cluster) ranges(ctx context.Context, described topicState) ([]PartitionRange, error) {
	starts, err := offsets(ctx, described, c.admin.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	ends, err := offsets(ctx, described, c.admin.ListEndOffsets)
	if err != nil {
		return nil, err
	}
	ranges := make([]PartitionRange, 0, len(ends))
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		ranges = append(ranges, PartitionRange{Partition: p, Start: starts[p].Offset, End: ends[p].Offset})
	}
	return ranges, nil
}

// ReadAt returns the record at a position. Errors: [ErrNoRecord], [ErrOutOfRange].
func (c *cluster) ReadAt(ctx context.Context, at domain.Position) (Record, error) {
	described, err := c.describe(ctx, at.Topic)
	if err != nil {
		return Record{}, err
	}
	got, err := newFetcher(c, at.Topic, described.id, at.Partition, 1).fetch(ctx, at.Offset)
	if err != nil {
		return Record{}, err
	}
	if len(got.records) == 0 || got.records[0].Offset != at.Offset || got.records[0].Attrs.IsControl() {
		return Record{}, fmt.Errorf("%w: %s/%d at %d", ErrNoRecord, at.Topic, at.Partition, at.Offset)
	}
	return fromKgo(at.Topic, got.records[0]), nil
}
