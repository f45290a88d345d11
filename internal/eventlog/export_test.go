package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/ledgerboard/ledgerboard/domain"
)

// NewPinned returns the partitioner of both producers.
var NewPinned = newPinned

// Reasons why a record is refused.
var (
	ErrClosed         = errClosed
	ErrEmptyKey       = errEmptyKey
	ErrInvalidDraft   = errInvalidDraft
	ErrPartitionCount = errPartitionCount
	ErrPayload        = errPayload
	ErrUnknownTopic   = errUnknownTopic
)

// TypeErased is the ce_type of a tombstone whose draft names no type.
const TypeErased = typeErased

// CloseWithin is Close with another limit.
func (l *Log) CloseWithin(limit time.Duration) error { return l.closeWithin(limit) }

// DecodeHash decodes a hash from hex digits.
func DecodeHash(digits string) (hash [32]byte, ok bool) {
	ok = decodeHash(&hash, []byte(digits))
	return hash, ok
}

// Size returns the size of a draft as counted by the limit.
func (l *Log) Size(d domain.Draft) (int, error) {
	r, err := l.codec.Encode(d)
	if err != nil {
		return 0, err
	}
	return recordSize(r), nil
}

// MaxRecordBytes is the limit that [Log.Size] is compared with.
const MaxRecordBytes = maxRecordBytes

// WithFetchRetry bounds how long a fetch is repeated while brokers do not answer.
func (c Config) WithFetchRetry(limit time.Duration) Config {
	c.fetchRetry = limit
	return c
}

// WithLinger sets how long records wait for others of the same batch.
func (c Config) WithLinger(limit time.Duration) Config {
	c.linger = limit
	return c
}

// WireName is a topic's name on the brokers.
func (c Config) WireName(topic string) string { return c.wireName(topic) }

// HandedOver returns how many records of batches wait for answers.
func (l *Log) HandedOver() int { return len(l.otherTopics.slots) }

// MaxBulk is how many records of batches may wait for answers.
const MaxBulk = maxBulk

// Ahead returns how many records a follower has fetched that no poll has returned yet.
func Ahead(joined Follower) int {
	f := joined.(*follower) //nolint:forcetypeassert // the only implementation
	f.ahead.mu.Lock()
	defer f.ahead.mu.Unlock()
	return f.ahead.records
}

// AheadAfterDrop returns what a poll returns after these were fetched ahead and partitions of a
// topic were dropped.
func AheadAfterDrop(fetches kgo.Fetches, topic string, partitions ...int32) kgo.Fetches {
	a := newAhead()
	a.put(fetches)
	a.drop(topic, partitions)
	return a.take()
}

// LookUpWithin bounds the query of positions.
const LookUpWithin = lookUpWithin

// LookUp queries the positions of a newly assigned partition, as kgo does when a follower has
// joined. It returns the result for kgo, and the error that ends the follower.
func LookUp(ctx context.Context, cfg FollowConfig) (err, failed error) {
	f := &follower{cfg: cfg, wire: cfg.Topic, ahead: newAhead(), free: semaphore.NewWeighted(1)}
	_, err = f.adjust(ctx, map[string]map[int32]kgo.Offset{cfg.Topic: {0: kgo.NewOffset()}})
	return err, f.failed
}

// Producers are the clients that produce.
func (l *Log) Producers() []*kgo.Client {
	return []*kgo.Client{l.dashboards.client, l.otherTopics.client}
}

// Fetched returns the batch that a follower of the log with an id builds from what was fetched from
// the start of a partition.
func Fetched(l *Log, topic string, partition int32, id TopicID, fetches kgo.Fetches) Batch {
	f := &follower{
		log: l, cfg: FollowConfig{Topic: topic}, client: l.client, wire: l.cfg.wireName(topic), id: id,
		next: map[int32]int64{partition: 0}, stopped: map[int32]error{},
	}
	return f.newBatch(context.Background(), fetches)
}

// ClientLogger returns what the clients of a log write their messages to.
func ClientLogger(log *slog.Logger) kgo.Logger {
	return kgoLogger{log, &warnings{logged: map[string]time.Time{}}}
}

// Settled runs a step of the start.
func Settled(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	return settled(ctx, log, do)
}

// CountBrokers counts the brokers before topics are created.
func CountBrokers(ctx context.Context, want int, list func(context.Context) (int, error)) (int, error) {
	return countBrokers(ctx, want, list)
}
