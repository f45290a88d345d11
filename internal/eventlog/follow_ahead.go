package eventlog

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ahead is what was fetched and not polled yet: while a batch is folded the next one is fetched, all of it. The client alone
// would fetch what there is when the fold begins, and no more until that is taken.
type ahead struct {
	mu             sync.Mutex
	fetches        kgo.Fetches
	records, bytes int           // of fetches
	failed         bool          // fetches hold an error
	came           chan struct{} // holds one while there is something
	left           chan struct{} // holds one once something was taken or dropped
}

// aheadBytes is how large what is fetched ahead gets before the client waits. Beyond it may be what one more poll of the
// client brings: of what it has buffered of each broker, up to 8 MiB each, as many records as there is room for.
const aheadBytes = 4 << 20

func newAhead() *ahead { return &ahead{came: make(chan struct{}, 1), left: make(chan struct{}, 1)} }

// put adds what was fetched.
func (a *ahead) put(fetches kgo.Fetches) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fetches = append(a.fetches, fetches...)
	a.count(fetches)
	if len(a.fetches) > 0 {
		raise(a.came)
	}
}

// count adds fetches to what is known of them.
func (a *ahead) count(fetches kgo.Fetches) {
	fetches.EachRecord(func(r *kgo.Record) {
		a.records++
		a.bytes += len(r.Value)
	})
	fetches.EachError(func(string, int32, error) { a.failed = true })
}

// room is how many of so many records there is room for; [ahead.left] says when to ask again where there is none. An error
// has to be looked at before more comes.
func (a *ahead) room(most int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed || a.bytes >= aheadBytes {
		return 0
	}
	return most - a.records
}

// take returns all there is, in the order in which it came.
func (a *ahead) take() kgo.Fetches {
	a.mu.Lock()
	defer a.mu.Unlock()
	fetches := a.fetches
	a.fetches, a.records, a.bytes, a.failed = nil, 0, 0, false
	select {
	case <-a.came:
	default:
	}
	raise(a.left)
	return fetches
}

// drop forgets what there is of a topic's partitions that were taken away or are given anew: their records come again, to
// whoever follows them, from the stored position. That may lie before what was fetched, when the database was set back. What
// the client says of no topic stays.
func (a *ahead) drop(topic string, partitions []int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.fetches {
		for j := range a.fetches[i].Topics {
			of := &a.fetches[i].Topics[j]
			if of.Topic != topic {
				continue
			}
			of.Partitions = slices.DeleteFunc(slices.Clone(of.Partitions), func(p kgo.FetchPartition) bool {
				return slices.Contains(partitions, p.Partition)
			})
		}
	}
	a.records, a.bytes, a.failed = 0, 0, false
	a.count(a.fetches)
	raise(a.left)
}

func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// fetchAhead fetches until ctx is done, at most a batch ahead. The client lets no partition be taken away between a poll and
// the next word that it may; here that is until what was polled is put where [follower.lost] finds it.
func (f *follower) fetchAhead(ctx context.Context) {
	for ctx.Err() == nil {
		if room := f.ahead.room(f.cfg.MaxRecords); room > 0 {
			f.ahead.put(f.client.PollRecords(ctx, room))
			f.client.AllowRebalance()
			continue
		}
		select {
		case <-ctx.Done():
		case <-f.ahead.left:
		}
	}
}
