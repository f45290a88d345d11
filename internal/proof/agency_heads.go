package proof

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// keptHeads are the ends of all streams at the newest checkpoint that somebody asked about, some 150 bytes an agency. The first use
// reads the log up to there, a later one what came since. They need not be believed: what they prove is held against a signed root.
type keptHeads struct {
	mu      sync.Mutex
	id      eventlog.TopicID
	next    []int64 // offset to read next, by partition
	ends    []streamEnds
	doubted []int64 // the vector at which the ends were last dropped because they did not prove it
}

// streamEnds are the ends of one partition's streams, by key; several partitions are read at a time.
type streamEnds struct {
	effective map[string]domain.StreamHead
	// claimed are, of streams that do not hold, the ends that the records behind the break say that they have. A break that was there
	// when the checkpoint was signed leaves the effective end signed, one that was made since leaves the claimed one.
	claimed map[string]domain.StreamHead
}

// left is how many offsets lie between what was read and a vector.
func (k *keptHeads) left(id eventlog.TopicID, to []int64) (n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, end := range to {
		n += end
		if k.reaches(id, to) {
			n -= k.next[i]
		}
	}
	return n
}

// reaches tells whether the vector lies on the way of what was read.
func (k *keptHeads) reaches(id eventlog.TopicID, to []int64) bool {
	return k.id == id && len(k.next) == len(to) && covers(to, k.next)
}

// proves tells whether the ends of all streams at a checkpoint are those that were signed, where the agency's end is the given one. kept is
// the end that was kept of it. Version 0 of either: there is none. The effective ends of other streams are tried first, then the claimed ones.
func (k *keptHeads) proves(
	ctx context.Context, src Source, id eventlog.TopicID, signed Checkpoint, agency string, end domain.StreamHead, progress func(offsets int64),
) (proved bool, kept domain.StreamHead, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.read(ctx, src, id, signed.Positions, progress); err != nil {
		return false, kept, err
	}
	kept = k.ends[eventlog.PartitionOf([]byte(agency), int32(len(k.ends)))].effective[agency]
	all, broken := map[string]domain.StreamHead{}, false
	for _, ends := range k.ends {
		maps.Copy(all, ends.effective)
		broken = broken || len(ends.claimed) > 0
	}
	all[agency] = end
	if holds(all, signed) || !broken {
		return holds(all, signed), kept, nil
	}
	for _, ends := range k.ends {
		maps.Copy(all, ends.claimed)
	}
	all[agency] = end
	return holds(all, signed), kept, nil
}

// holds tells whether the tree over these ends is the one that was signed.
func holds(ends map[string]domain.StreamHead, signed Checkpoint) bool {
	var tree frontier
	for _, key := range slices.Sorted(maps.Keys(ends)) {
		if ends[key].Version > 0 {
			tree.add(LeafHash(key, ends[key]))
		}
	}
	return tree.size == signed.HeadCount && tree.root() == signed.HeadRoot
}

// read goes on up to the vector. What it had read before an error stays read.
func (k *keptHeads) read(ctx context.Context, src Source, id eventlog.TopicID, to []int64, progress func(offsets int64)) error {
	if !k.reaches(id, to) {
		k.id, k.next, k.ends = id, make([]int64, len(to)), make([]streamEnds, len(to))
		for i := range k.ends {
			k.ends[i] = streamEnds{effective: map[string]domain.StreamHead{}, claimed: map[string]domain.StreamHead{}}
		}
	}
	err := src.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, From: byPartition(k.next), To: byPartition(to), TopicID: id,
		Handle: func(_ context.Context, run eventlog.Run) error {
			for _, r := range run.Records {
				k.ends[run.Partition].add(r, int32(len(to)))
			}
			progress(run.Next - k.next[run.Partition])
			k.next[run.Partition] = run.Next
			return nil
		},
	})
	if err != nil {
		return err
	}
	for i, end := range to {
		k.next[i] = max(k.next[i], end)
	}
	return nil
}

// add takes in a record.
func (e streamEnds) add(r eventlog.Record, partitions int32) {
	key := string(r.Key)
	if agency, ok := domain.HexID(key); !ok || agency != key {
		return
	}
	claimed, broken := e.claimed[key]
	if !broken {
		claimed = e.effective[key]
	}
	verdict, head, _ := eventlog.Judge(e.effective[key], r, partitions)
	if verdict == eventlog.Effective {
		e.effective[key] = head
	}
	if broken {
		verdict, head, _ = eventlog.Judge(claimed, r, partitions)
	}
	switch {
	case verdict == eventlog.Broken:
		e.claimed[key] = claim(claimed, r)
	case broken && verdict == eventlog.Effective:
		e.claimed[key] = head
	}
}

// claim is the end of a stream that does not hold, as the record behind the break says that it is. So an agency's own proof stands
// also where another one's stream was altered in its middle: the end of that is still the one that was signed.
func claim(head domain.StreamHead, r eventlog.Record) domain.StreamHead {
	version, err := strconv.ParseInt(r.Header("ce_chainversion"), 10, 64)
	prev, bad := hex.DecodeString(r.Header("ce_chainprev"))
	if err != nil || bad != nil || len(prev) != len(head.Hash) || version <= head.Version {
		return head
	}
	return domain.StreamHead{Version: version, Hash: eventlog.RecordHash([32]byte(prev), r)}
}

// doubt makes the next use read the log anew, once for each vector: a log that stays as it is gives the same ends again, and everybody who
// asks would read all of it.
func (k *keptHeads) doubt(at []int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.doubted, at) {
		k.next, k.doubted = nil, slices.Clone(at)
	}
}
