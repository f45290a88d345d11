package eventlog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxReason is how many bytes of a reason are kept: it may quote what a stranger wrote.
const maxReason = 200

// foreignReason is the one judgement of whether a record counts at all, wherever it is read: why it does not, or "". It reads key,
// headers and raw value. Without a tag key it cannot tell whether the tag is right: a record needs one all the same.
func (l *Log) foreignReason(spec TopicSpec, r Record) string {
	if l.tagger == nil {
		return formFault(spec, r)
	}
	if fault := placeFault(spec, r); fault != "" {
		return fault
	}
	if fault := l.taggerAt(r.Topic, r.Partition, r.Offset).fault(r); fault != "" {
		return fault
	}
	return envelopeFault(spec, r)
}

// formFault says why nobody can have written a record, whatever their key is; "" when somebody can.
func formFault(spec TopicSpec, r Record) string {
	return cmp.Or(placeFault(spec, r), tagFormFault(r), envelopeFault(spec, r))
}

func placeFault(spec TopicSpec, r Record) string {
	switch {
	case len(r.Key) == 0:
		return "it has no key"
	case !domain.PlainText(r.Key) && checkText(string(r.Key)) != nil:
		return "its key is no text"
	case len(r.Value) == 0 && !spec.Compacted:
		return "it has no value"
	}
	if home := PartitionOf(r.Key, spec.Partitions); home != r.Partition {
		return fmt.Sprintf("its key belongs to partition %d", home)
	}
	return ""
}

func envelopeFault(spec TopicSpec, r Record) string {
	tombstone := len(r.Value) == 0
	if isPlainEnvelope(r.Headers, spec.Chained, tombstone) {
		return ""
	}
	if _, err := parseEnvelope(r.Headers, spec.Chained, tombstone); err != nil {
		return err.Error()
	}
	return ""
}

// isForeign judges a record, and remembers it when it is foreign.
func (l *Log) isForeign(spec TopicSpec, r Record) bool {
	reason := l.foreignReason(spec, r)
	if reason == "" {
		return false
	}
	l.noteForeign(r, 1, reason)
	return true
}

// ours reads what a broker gave; false: it is foreign. Markers of transactions are: nobody of ours makes any.
func (l *Log) ours(spec TopicSpec, raw *kgo.Record) (r Record, ours bool) {
	r = fromKgo(spec.Name, raw)
	if raw.Attrs.IsControl() {
		l.noteForeign(r, 1, "it is the marker of a transaction")
		return r, false
	}
	return r, !l.isForeign(spec, r)
}

// maxBatchBytes is how large a batch may be unpacked. Ours are of 1 MiB, or of one record; a batch that is larger holds nothing of ours, and
// would fill the memory of whoever reads it.
const maxBatchBytes = 64 << 20

// passTooLarge tells where to go on behind a batch that is too large to be read, which is foreign; false when err is of none.
func (l *Log) passTooLarge(topic string, err error, from int64) (next int64, is bool) {
	batch, is := errors.AsType[*kgo.ErrDecompressTooLarge](err)
	if !is {
		return from, false
	}
	first := Record{Topic: topic, Partition: batch.Partition, Offset: max(batch.Offset, from)}
	l.noteForeign(first, batch.NextOffset-first.Offset, fmt.Sprintf("it begins a batch of more than %d MiB", maxBatchBytes>>20))
	return max(batch.NextOffset, from), true
}

// noteForeign remembers so many foreign records from this one on.
func (l *Log) noteForeign(first Record, records int64, reason string) {
	reason = strings.Clone(strings.ToValidUTF8(strings.ReplaceAll(reason[:min(len(reason), maxReason)], "\x00", ""), ""))
	if l.foreign.note(first, records, reason) {
		l.log.Error("a record that nobody of ours wrote lies in the log and is skipped",
			"topic", first.Topic, "partition", first.Partition, "offset", first.Offset, "reason", reason)
	}
}

// foreignFound are the foreign records that this process has met.
type foreignFound struct {
	mu   sync.Mutex
	met  map[place]*foreignIn
	more chan struct{} // holds one once more are remembered
}

type place struct {
	topic     string
	partition int32
}

// foreignIn is what was met in one partition.
type foreignIn struct {
	first   map[int64]domain.ForeignRecord // of the first that were met, by offset
	beyond  int64                          // how many more
	highest int64                          // offset of those
}

// note remembers a record, each once, and counts as many from it on; it tells whether it is the first of its partition.
func (f *foreignFound) note(r Record, records int64, reason string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := place{r.Topic, r.Partition}
	in := f.met[at]
	if in == nil {
		in = &foreignIn{first: map[int64]domain.ForeignRecord{}}
		f.met[at] = in
	}
	_, known := in.first[r.Offset]
	switch {
	case known:
	case len(in.first) < domain.MaxForeignRecords:
		claims, _ := domain.HexID(string(r.Key))
		in.first[r.Offset] = domain.ForeignRecord{
			Position: domain.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, Reason: reason, Seen: time.Now().UTC(), Claims: claims,
		}
		raise(f.more)
		in.beyond += records - 1
	case r.Offset > in.highest:
		in.highest = r.Offset
		in.beyond += records
	}
	return !known && len(in.first) == 1
}

// MoreForeign gets a value when [Log.Foreign] returns more than before.
func (l *Log) MoreForeign() <-chan struct{} { return l.foreign.more }

// Foreign returns the foreign records that this process has met, seen by its clock: the first 1,000 of each partition, by topic, partition and offset.
func (l *Log) Foreign() (records []domain.ForeignRecord) {
	l.foreign.mu.Lock()
	defer l.foreign.mu.Unlock()
	for _, in := range l.foreign.met {
		for _, r := range in.first {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b domain.ForeignRecord) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}

// ForeignCounts returns how many foreign records this process has met, by topic: of every topic.
func (l *Log) ForeignCounts() map[string]int64 {
	counts := map[string]int64{}
	for name := range l.codec.topics {
		counts[name] = 0
	}
	l.foreign.mu.Lock()
	defer l.foreign.mu.Unlock()
	for at, in := range l.foreign.met {
		counts[at.topic] += int64(len(in.first)) + in.beyond
	}
	return counts
}
