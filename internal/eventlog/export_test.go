package eventlog

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The two pinned partitioners, for the property test that holds them to the same choice.
var (
	NewPinnedSarama = newPinnedSarama
	NewPinnedKgo    = newPinnedKgo
)

// CloseWithin is Close with another patience.
func (l *Log) CloseWithin(patience time.Duration) error { return l.closeWithin(patience) }

// The two ways to a verdict, for the tests that hold them against each other.
var (
	JudgePlainly = judgePlainly
	JudgeFully   = judgeFully
)

// Size is the bytes that a draft takes, as [Config.MaxRecordBytes] counts.
func (l *Log) Size(d domain.Draft) (int, error) {
	r, err := l.codec.Encode(d)
	if err != nil {
		return 0, err
	}
	return recordSize(r), nil
}

// MaxRecordBytes is the limit that [Log.Size] is compared with.
func (l *Log) MaxRecordBytes() int { return l.cfg.MaxRecordBytes }

// HandedOver is how many records of batches wait for answers.
func (l *Log) HandedOver() int { return len(l.slots) }

// MaxBulk is how many records of batches may wait for answers.
const MaxBulk = maxBulk

// PartitionFor returns the partition that a key of the topic lives in. The error is for an unknown
// topic or an empty key ([ErrEmptyKey]).
func (l *Log) PartitionFor(topic, key string) (int32, error) {
	spec, err := l.spec(topic)
	if err != nil {
		return 0, err
	}
	if key == "" {
		return 0, ErrEmptyKey
	}
	return PartitionOf([]byte(key), spec.Partitions), nil
}

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
