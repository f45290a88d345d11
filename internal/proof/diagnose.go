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
	record  eventlog.Record
	version int64    // that it claims; 0: malformed
	prev    [32]byte // that it claims
	self    [32]byte // its hash, if prev is true
	reason  string
}

// broken is the place where a stream's chain ends: the head, and the first record that does not follow.
type broken struct {
	items   []item
	head    domain.StreamHead
	follows [32]byte // what the next record must name
	last    int      // index of the head's record; -1: none
	bad     int      // index of the first broken record; -1: none yet
}

// diagnose names what was done to an agency's stream: it looks at all of its records and says which
// one stands in the way. foreign are records under other keys that are part of no chain.
func diagnose(ctx context.Context, src Source, agency string, to []int64, foreign []eventlog.Record) (Finding, bool, error) {
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
	f := b.finding(foreign)
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
	b.items = append(b.items, it)
	switch {
	case b.bad >= 0:
	case verdict == eventlog.Effective:
		b.head, b.follows, b.last = head, head.Hash, len(b.items)-1
	case verdict == eventlog.Broken:
		b.bad = len(b.items) - 1
	}
	return verdict == eventlog.Broken
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
func (b *broken) finding(foreign []eventlog.Record) Finding {
	bad, want := b.items[b.bad], b.head.Version+1
	switch {
	case bad.version == 0:
		return bad.found(KindAltered, want, "header", "the record is malformed: %s", bad.reason)
	case bad.version != want && bad.prev == b.follows:
		return b.renumbered(bad)
	case bad.version > want:
		return b.gap(foreign, want)
	case bad.prev == b.follows: // right version, right predecessor: the time or the place is wrong
		return bad.found(KindAltered, want, "time", "%s", bad.reason)
	default:
		return b.otherPrev(want)
	}
}

func (b *broken) renumbered(it item) Finding {
	return it.found(KindAltered, b.head.Version+1, "ce_chainversion", "it follows version %d and says that it is version %d", b.head.Version, it.version)
}

// gap: versions between the head and the broken record are not where they belong.
func (b *broken) gap(foreign []eventlog.Record, want int64) Finding {
	bad := b.items[b.bad]
	if it := b.later(want, b.follows); it != nil {
		return bad.found(KindReordered, bad.version, "order", "it lies before version %d (offset %d)", want, it.record.Offset)
	}
	for _, it := range b.items {
		if it.version != 0 && it.version != want && it.prev == b.follows {
			return b.renumbered(it)
		}
	}
	for _, r := range foreign {
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
	return bad.found(KindRemoved, want, "order", "version %d%s is missing: version %d is the next one, at this place", want, last, bad.version)
}

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
		return b.items[b.last].found(KindAltered, b.head.Version, "content", "its hash is not the one that version %d was chained to", want)
	}
}

// restored tells whether the broken record becomes whole when it names the head again: then nothing but
// its ce_chainprev was altered.
func (b *broken) restored() bool {
	bad := b.items[b.bad]
	r := bad.record
	r.Headers = slices.Clone(r.Headers)
	for i, h := range r.Headers {
		if h.Key == "ce_chainprev" {
			r.Headers[i].Value = []byte(hex.EncodeToString(b.follows[:]))
		}
	}
	return b.later(bad.version+1, eventlog.RecordHash(b.follows, r)) != nil
}

// found makes a finding that names the record; its agency is set later.
func (it item) found(kind Kind, version int64, differs, format string, args ...any) Finding {
	return found(kind, differs, format, args...).of("", version).at(it.record.Partition, it.record.Offset)
}
