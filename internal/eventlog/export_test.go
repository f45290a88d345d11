package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The two pinned partitioners, for the property test that holds them to the same choice.
var (
	NewPinnedSarama = newPinnedSarama
	NewPinnedKgo    = newPinnedKgo
)

// Why a record is refused.
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

// CloseWithin is Close with another patience.
func (l *Log) CloseWithin(patience time.Duration) error { return l.closeWithin(patience) }

// DecodeHash reads a hash from its digits.
func DecodeHash(digits string) (hash [32]byte, ok bool) {
	ok = decodeHash(&hash, digits)
	return hash, ok
}

// Size is the bytes that a draft takes, as the limit counts.
func (l *Log) Size(d domain.Draft) (int, error) {
	r, err := l.codec.Encode(d)
	if err != nil {
		return 0, err
	}
	return recordSize(r), nil
}

// MaxRecordBytes is the limit that [Log.Size] is compared with.
const MaxRecordBytes = maxRecordBytes

// WithPrefix gives the topics names of their own on the brokers.
func (c Config) WithPrefix(prefix string) Config {
	c.prefix = prefix
	return c
}

// WireName is a topic's name on the brokers.
func (c Config) WireName(topic string) string { return c.wireName(topic) }

// HandedOver is how many records of batches wait for answers.
func (l *Log) HandedOver() int { return len(l.bulk.slots) }

// MaxBulk is how many records of batches may wait for answers.
const MaxBulk = maxBulk

// Ahead is how many records a follower has fetched that no poll has brought yet.
func Ahead(of Follower) int {
	f := of.(*follower) //nolint:forcetypeassert // there is no other
	f.ahead.mu.Lock()
	defer f.ahead.mu.Unlock()
	return f.ahead.records
}

// AheadAfterDrop is what a poll brings when these were fetched ahead and partitions of a topic were dropped then.
func AheadAfterDrop(fetches kgo.Fetches, topic string, partitions ...int32) kgo.Fetches {
	a := newAhead()
	a.put(fetches)
	a.drop(topic, partitions)
	return a.take()
}

// LookUpWithin bounds the look-up of positions.
const LookUpWithin = lookUpWithin

// LookUp asks for the positions of a newly assigned partition, as kgo does when a follower has joined. It returns
// what the look-up says to kgo, and what ends the follower.
func LookUp(ctx context.Context, cfg FollowConfig) (told, failed error) {
	f := &follower{cfg: cfg, wire: cfg.Topic, ahead: newAhead()}
	_, told = f.adjust(ctx, map[string]map[int32]kgo.Offset{cfg.Topic: {0: kgo.NewOffset()}})
	return told, f.failed
}

// SaramaProducer are the settings of the producers of single records.
func SaramaProducer(c Config) *sarama.Config { return c.saramaProducerConfig() }

// BulkClient is the client that produces batches.
func (l *Log) BulkClient() *kgo.Client { return l.client }

// Fetched is the batch that a follower of the log of an id makes of what was fetched from the start of a partition.
func Fetched(l *Log, topic string, partition int32, id TopicID, fetches kgo.Fetches) Batch {
	f := &follower{
		log: l, cfg: FollowConfig{Topic: topic}, client: l.client, wire: l.cfg.wireName(topic), id: id,
		next: map[int32]int64{partition: 0}, stopped: map[int32]error{},
	}
	return f.sort(context.Background(), fetches)
}

// Settled does what a start does with the brokers.
func Settled(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	return settled(ctx, log, do)
}

// CountBrokers counts the brokers before topics are made.
func CountBrokers(ctx context.Context, want int, list func(context.Context) (int, error)) (int, error) {
	return countBrokers(ctx, want, list)
}
