package eventlog

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ahead holds records that were fetched but not polled yet: a complete batch is fetched while the
// previous one is folded. The client alone would fetch only the records that exist when the fold
// begins.
type ahead struct {
	mu             sync.Mutex
	fetches        kgo.Fetches
	records, bytes int           // of fetches
	failed         bool          // fetches contain an error
	available      chan struct{} // holds a value while there are fetches
	drained        chan struct{} // holds a value after fetches were taken or dropped
}

// aheadBytes is the size of fetched records at which fetching pauses. The last poll may exceed it
// by the records that the client has buffered, one response per broker.
const aheadBytes = 4 << 20

func newAhead() *ahead {
	return &ahead{available: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

func (a *ahead) put(fetches kgo.Fetches) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fetches = append(a.fetches, fetches...)
	a.count(fetches)
	if len(a.fetches) > 0 {
		raise(a.available)
	}
}

func (a *ahead) count(fetches kgo.Fetches) {
	fetches.EachRecord(func(r *kgo.Record) {
		a.records++
		a.bytes += len(r.Value)
	})
	fetches.EachError(func(string, int32, error) { a.failed = true })
}

// room returns how many more records may be fetched if there may be limit records in total. It
// returns 0 after a fetch error, which must be handled first. If there is no room, [ahead.drained]
// signals when to check again.
func (a *ahead) room(limit int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed || a.bytes >= aheadBytes {
		return 0
	}
	return limit - a.records
}

func (a *ahead) take() kgo.Fetches {
	a.mu.Lock()
	defer a.mu.Unlock()
	fetches := a.fetches
	a.fetches, a.records, a.bytes, a.failed = nil, 0, 0, false
	select {
	case <-a.available:
	default:
	}
	raise(a.drained)
	return fetches
}

// drop removes the records of partitions that were revoked or assigned again. They are fetched
// again from the stored position, which may be earlier if the database was restored from a backup.
// Errors without a topic are kept.
func (a *ahead) drop(topic string, partitions []int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.fetches {
		for j := range a.fetches[i].Topics {
			fetched := &a.fetches[i].Topics[j]
			if fetched.Topic != topic {
				continue
			}
			fetched.Partitions = slices.DeleteFunc(slices.Clone(fetched.Partitions), func(p kgo.FetchPartition) bool {
				return slices.Contains(partitions, p.Partition)
			})
		}
	}
	a.records, a.bytes, a.failed = 0, 0, false
	a.count(a.fetches)
	raise(a.drained)
}

func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// fetchAhead fetches until ctx is done, at most one batch ahead. The client revokes no partition
// between a poll and AllowRebalance, so polled records are always stored where [follower.lost]
// finds them.
func (f *follower) fetchAhead(ctx context.Context) {
	for ctx.Err() == nil {
		if room := f.ahead.room(f.cfg.MaxRecords); room > 0 {
			f.ahead.put(f.client.PollRecords(ctx, room))
			f.client.AllowRebalance()
			continue
		}
		select {
		case <-ctx.Done():
		case <-f.ahead.drained:
		}
	}
}
