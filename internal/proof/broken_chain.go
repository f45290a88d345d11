package proof

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// item is one record of a stream that does not hold together, in the order of the log.
type item struct {
	record  eventlog.Record // of all but the broken one: its place alone
	version int64           // that it claims; 0: malformed
	prev    [32]byte        // that it claims
	self    [32]byte        // its hash, if prev is true
	reason  string
}

// broken is the place where a stream's chain ends: the head, and the first record that does not follow. Of the records before it that count
// it keeps the head, of those behind it what can be evidence: a stream may be long.
type broken struct {
	items   []item
	whole   [32]byte // hash of the broken record, if nothing but its ce_chainprev was altered
	head    domain.StreamHead
	follows [32]byte // what the next record must name
	last    int      // index of the head's record; -1: none
	bad     int      // index of the first broken record; -1: none yet
}

// diagnose names what was done to an agency's stream: it looks at all of its records and says which
// one stands in the way. strays are records under other keys that are part of no chain.
func diagnose(ctx context.Context, src Source, agency string, to []int64, strays []eventlog.Record) (Finding, bool, error) {
	b := broken{last: -1, bad: -1, follows: eventlog.Genesis(domain.TopicDashboards, agency)}
	more := int64(-1)
	err := src.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, Key: agency, To: byPartition(to),
		Handle: each(func(r eventlog.Record) error {
			if b.add(src, r, int32(len(to))) {
				more++
			}
			return nil
		}),
	})
	if err != nil || b.bad < 0 {
		return Finding{}, false, err
	}
	f := b.finding(strays)
	f.Agency, f.More = agency, more
	return f, true, nil
}

// add judges the next record and tells whether it is broken.
func (b *broken) add(src Source, r eventlog.Record, partitions int32) bool {
	verdict, head, reason := eventlog.Judge(b.head, r, partitions)
	it := item{record: r, reason: reason}
	if recorded, _ := src.Decode(r); recorded.Envelope.Chain != nil {
		it.version, it.prev = recorded.Envelope.Chain.Version, [32]byte(recorded.Envelope.Chain.Prev)
		it.self = eventlog.RecordHash(it.prev, r)
	}
	place := it
	place.record.Key, place.record.Headers, place.record.Value = nil, nil, nil
	switch {
	case b.bad >= 0:
		if it.prev == b.follows || it.prev == b.whole || it.self == b.items[b.bad].prev {
			b.items = append(b.items, place)
		}
	case verdict == eventlog.Broken:
		b.bad, b.whole = len(b.items), eventlog.RecordHash(b.follows, naming(r, b.follows))
		b.items = append(b.items, it)
	case verdict == eventlog.Effective:
		if b.last >= 0 {
			b.items = slices.Delete(b.items, b.last, b.last+1)
		}
		b.head, b.follows, b.last = head, head.Hash, len(b.items)
		b.items = append(b.items, place)
	default:
		b.items = append(b.items, place)
	}
	return verdict == eventlog.Broken
}

// naming is the record with another predecessor in its ce_chainprev.
func naming(r eventlog.Record, prev [32]byte) eventlog.Record {
	r.Headers = slices.Clone(r.Headers)
	for i, h := range r.Headers {
		if h.Key == "ce_chainprev" {
			r.Headers[i].Value = []byte(hex.EncodeToString(prev[:]))
		}
	}
	return r
}

// later returns the record behind the broken one that claims a version and a predecessor; nil: none.
func (b *broken) later(version int64, prev [32]byte) *item {
	for i := b.bad + 1; i < len(b.items); i++ {
		if b.items[i].version == version && b.items[i].prev == prev {
			return &b.items[i]
		}
	}
	return nil
}

// finding reads the evidence: every record names the hash of the one before it, so that a record whose
// hash is named still stands as it was written.
func (b *broken) finding(strays []eventlog.Record) Finding {
	bad, want := b.items[b.bad], b.head.Version+1
	switch {
	case bad.version != want && bad.prev == b.follows:
		return b.renumbered(bad)
	case bad.version > want:
		return b.gap(strays, want)
	case bad.prev == b.follows: // right version, right predecessor: the time or the place is wrong
		return bad.found(KindAltered, want, "time", "%s", bad.reason)
	default:
		return b.otherPrev(want)
	}
}

func (b *broken) renumbered(it item) Finding {
	return it.found(KindAltered, b.head.Version+1, "ce_chainversion", "it follows version %d and says that it is version %d%s", b.head.Version, it.version, orEdited)
}

// gap: versions between the head and the broken record are not where they belong.
func (b *broken) gap(strays []eventlog.Record, want int64) Finding {
	bad := b.items[b.bad]
	for _, it := range b.items[b.last+1 : b.bad] {
		if it.version == 0 {
			return it.found(KindAltered, want, "header", "the record is malformed: %s", it.reason)
		}
	}
	if it := b.later(want, b.follows); it != nil {
		return bad.found(KindReordered, bad.version, "order", "it lies before version %d (offset %d)", want, it.record.Offset)
	}
	for _, it := range b.items {
		if it.version != 0 && it.version != want && it.prev == b.follows {
			return b.renumbered(it)
		}
	}
	for _, r := range strays {
		if r.Topic == domain.TopicDashboards && r.Header("ce_chainversion") == strconv.FormatInt(want, 10) {
			moved := r
			moved.Key = bad.record.Key
			if want+1 != bad.version || eventlog.RecordHash(b.follows, moved) == bad.prev {
				return item{record: r}.found(KindAltered, want, "key", "the record was moved to another key (%.40q)", r.Key)
			}
		}
	}
	last := ""
	if want < bad.version-1 {
		last = fmt.Sprintf(" to %d", bad.version-1)
	}
	return bad.found(KindRemoved, want, "order", "version %d%s is missing: version %d is the next one, at this place%s", want, last, bad.version, orEdited)
}

// orEdited is the other cause of a record that does not follow the one before it: a process writes behind the head that its tables name.
const orEdited = ". Or nothing was done to the log: a process whose tables name another head than it, because somebody edited them, writes such a record"

// otherPrev: the broken record has the right version and names a predecessor that is not the head.
func (b *broken) otherPrev(want int64) Finding {
	bad := b.items[b.bad]
	if it := b.later(want, b.follows); it != nil {
		return bad.found(KindInserted, want, "order",
			"it does not belong to this stream: the version %d that follows version %d lies at offset %d", want, b.head.Version, it.record.Offset)
	}
	for i, it := range b.items {
		if i == b.bad || it.version != b.head.Version || it.self != bad.prev || b.last < 0 {
			continue
		}
		head := b.items[b.last]
		return head.found(KindInserted, head.version, "order",
			"it stands before the version %d that version %d follows (offset %d): it was inserted, or moved there", head.version, want, it.record.Offset)
	}
	switch {
	case b.restored():
		return bad.found(KindAltered, want, "ce_chainprev", "it names another predecessor than the one it was written behind")
	case b.last < 0:
		return bad.found(KindAltered, want, "ce_chainprev", "the first record of the agency does not begin its chain: it was altered, or is another agency's")
	default:
		return b.items[b.last].found(KindAltered, b.head.Version, "content", "its hash is not the one that version %d was chained to%s", want, orEdited)
	}
}

// restored tells whether the broken record becomes whole when it names the head again: then nothing but
// its ce_chainprev was altered.
func (b *broken) restored() bool { return b.later(b.items[b.bad].version+1, b.whole) != nil }

// found makes a finding that names the record; its agency is set later.
func (it item) found(kind Kind, version int64, differs, format string, args ...any) Finding {
	return found(kind, differs, format, args...).of("", version).at(it.record.Partition, it.record.Offset)
}
