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
	records, bytes int
	came           chan struct{} // holds one while there is something
	taken          chan struct{} // holds one once something was taken, until more comes
}

// aheadBytes is how large what is fetched ahead gets before the client waits. Beyond it may be what one fetch brings.
const aheadBytes = 4 << 20

func newAhead() *ahead { return &ahead{came: make(chan struct{}, 1), taken: make(chan struct{}, 1)} }

// put adds what was fetched, and returns how many of so many records there is room for now. An error has to be looked at
// before more comes.
func (a *ahead) put(fetches kgo.Fetches, most int) (room int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.taken:
	default:
	}
	a.fetches = append(a.fetches, fetches...)
	fetches.EachRecord(func(r *kgo.Record) {
		a.records++
		a.bytes += len(r.Value)
	})
	if len(a.fetches) > 0 {
		raise(a.came)
	}
	failed := false
	fetches.EachError(func(string, int32, error) { failed = true })
	if failed || a.bytes >= aheadBytes {
		return 0
	}
	return most - a.records
}

// take returns all there is, in the order in which it came.
func (a *ahead) take() kgo.Fetches {
	a.mu.Lock()
	defer a.mu.Unlock()
	fetches := a.fetches
	a.fetches, a.records, a.bytes = nil, 0, 0
	select {
	case <-a.came:
	default:
	}
	raise(a.taken)
	return fetches
}

// drop forgets what there is of partitions that were taken away or are given anew: their records come again, to whoever
// follows them, from the stored position.
func (a *ahead) drop(partitions []int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.fetches {
		for j := range a.fetches[i].Topics {
			of := &a.fetches[i].Topics[j]
			of.Partitions = slices.DeleteFunc(slices.Clone(of.Partitions), func(p kgo.FetchPartition) bool {
				return slices.Contains(partitions, p.Partition)
			})
		}
	}
}

func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// fetchAhead fetches until ctx is done, at most a batch ahead. The client lets no partition be taken away between a poll and
// the next word that it may; here that is until what was polled is put where [follower.revoked] finds it.
func (f *follower) fetchAhead(ctx context.Context) {
	for room := f.cfg.MaxRecords; ctx.Err() == nil; {
		fetches := f.client.PollRecords(ctx, room)
		room = f.ahead.put(fetches, f.cfg.MaxRecords)
		f.client.AllowRebalance()
		if room > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-f.ahead.taken:
			room = f.cfg.MaxRecords
		}
	}
}
