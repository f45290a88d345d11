package eventlog

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
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
	case !plainText(r.Key) && checkText(string(r.Key)) != nil:
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

// noteForeign counts so many foreign records from this one on.
func (l *Log) noteForeign(first Record, records int64, reason string) {
	if l.foreign.note(first, records) {
		l.log.Error("skipping an invalid record",
			"topic", first.Topic, "partition", first.Partition, "offset", first.Offset,
			"reason", strings.ToValidUTF8(reason[:min(len(reason), maxReason)], ""))
	}
}

// foreignFound counts the foreign records that this process has met.
type foreignFound struct {
	mu  sync.Mutex
	met map[place]foreignIn
}

type place struct {
	topic     string
	partition int32
}

// foreignIn is what was met in one partition. An offset that is read again is not counted again.
type foreignIn struct{ records, next int64 }

// note counts records from an offset on; it reports whether it is the first of its partition.
func (f *foreignFound) note(r Record, records int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := place{r.Topic, r.Partition}
	in := f.met[at]
	first := in.records == 0
	if r.Offset >= in.next {
		in.records += records
		in.next = r.Offset + records
	}
	f.met[at] = in
	return first
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
		counts[at.topic] += in.records
	}
	return counts
}
