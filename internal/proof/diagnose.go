package proof

import (
	"bytes"
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
	verdict eventlog.Verdict
	reason  string
}

// broken is the place where a stream's chain ends: the head, and the first record that does not follow.
type broken struct {
	items []item
	head  domain.StreamHead
	last  int // index of the head's record; -1: none
	bad   int // index of the first broken record
}

// diagnose names what was done to an agency's stream: it looks at all of its records and says which
// one stands in the way. foreign are records under other keys that are part of no chain.
func diagnose(ctx context.Context, src Source, agency string, to []int64, foreign []eventlog.Record) (Finding, bool, error) {
	b := broken{last: -1, bad: -1}
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
	it := item{record: r}
	if recorded, _ := src.Decode(r); recorded.Envelope.Chain != nil {
		it.version, it.prev = recorded.Envelope.Chain.Version, [32]byte(recorded.Envelope.Chain.Prev)
		it.self = eventlog.RecordHash(it.prev, r)
	}
	head := b.head
	it.verdict, head, it.reason = eventlog.Judge(head, r, partitions)
	b.items = append(b.items, it)
	n := len(b.items) - 1
	if b.bad < 0 && it.verdict == eventlog.Effective {
		b.head, b.last = head, n
	}
	if it.verdict == eventlog.Broken && b.bad < 0 {
		b.bad = n
	}
	return it.verdict == eventlog.Broken
}

func (b *broken) prev(agency []byte) [32]byte {
	if b.last < 0 {
		return eventlog.Genesis(domain.TopicDashboards, string(agency))
	}
	return b.head.Hash
}

// finding reads the evidence: every record names the hash of the one before it, so that a record whose
// hash is named still stands as it was written.
func (b *broken) finding(foreign []eventlog.Record) Finding {
	bad := b.items[b.bad]
	want := b.head.Version + 1
	follows := b.prev(bad.record.Key)
	switch {
	case bad.version == 0:
		return named(KindAltered, bad, want, "header", "the record is malformed: "+bad.reason)
	case bad.version != want && bad.prev == follows:
		return named(KindAltered, bad, want, "ce_chainversion", fmt.Sprintf("it follows version %d and says that it is version %d", b.head.Version, bad.version))
	case bad.version > want:
		return b.gap(foreign, want, follows)
	case bad.prev == follows: // right version, right predecessor: the time or the place is wrong
		return named(KindAltered, bad, want, "time", bad.reason)
	default:
		return b.otherPrev(want)
	}
}

// gap: versions between the head and the broken record are not where they belong.
func (b *broken) gap(foreign []eventlog.Record, want int64, follows [32]byte) Finding {
	bad := b.items[b.bad]
	for _, it := range b.items[b.bad+1:] {
		if it.version == want && it.prev == follows {
			return named(KindReordered, bad, bad.version, "order", fmt.Sprintf("it lies before version %d (offset %d)", want, it.record.Offset))
		}
	}
	for _, it := range b.items {
		if it.version != 0 && it.version != want && it.prev == follows {
			return named(KindAltered, it, want, "ce_chainversion", fmt.Sprintf("it follows version %d and says that it is version %d", b.head.Version, it.version))
		}
	}
	for _, r := range foreign {
		if r.Topic == domain.TopicDashboards && r.Header("ce_chainversion") == strconv.FormatInt(want, 10) {
			moved := r
			moved.Key = bad.record.Key
			if hash := eventlog.RecordHash(follows, moved); want+1 != bad.version || hash == bad.prev {
				return Finding{
					Kind: KindAltered, Version: want, Differs: []string{"key"},
					Detail: fmt.Sprintf("the record was moved to another key (%.40q)", r.Key),
				}.at(r.Partition, r.Offset)
			}
		}
	}
	last := ""
	if want < bad.version-1 {
		last = fmt.Sprintf(" to %d", bad.version-1)
	}
	return named(KindRemoved, bad, want, "order",
		fmt.Sprintf("version %d%s is missing: version %d is the next one, at this place", want, last, bad.version))
}

// otherPrev: the broken record has the right version and names a predecessor that is not the head.
func (b *broken) otherPrev(want int64) Finding {
	bad := b.items[b.bad]
	follows := b.prev(bad.record.Key)
	for _, it := range b.items[b.bad+1:] {
		if it.version == want && it.prev == follows {
			return named(KindInserted, bad, want, "order", fmt.Sprintf(
				"it does not belong to this stream: the version %d that follows version %d lies at offset %d", want, b.head.Version, it.record.Offset))
		}
	}
	for i, it := range b.items {
		if i == b.bad || it.version != b.head.Version || it.self != bad.prev || b.last < 0 {
			continue
		}
		head := b.items[b.last]
		return named(KindInserted, head, head.version, "order", fmt.Sprintf(
			"it stands before the version %d that version %d follows (offset %d): it was inserted, or moved there", head.version, want, it.record.Offset))
	}
	if restored, ok := b.restored(); ok {
		return named(KindAltered, bad, want, "ce_chainprev", restored)
	}
	if b.last < 0 {
		return named(KindAltered, bad, want, "ce_chainprev", "the first record of the agency does not begin its chain: it was altered, or is another agency's")
	}
	return named(KindAltered, b.items[b.last], b.head.Version, "content", fmt.Sprintf(
		"its hash is not the one that version %d was chained to", want))
}

// restored tries whether the broken record becomes whole when it names the head again: then nothing
// but its ce_chainprev was altered.
func (b *broken) restored() (string, bool) {
	bad := b.items[b.bad]
	follows := b.prev(bad.record.Key)
	r := bad.record
	r.Headers = slices.Clone(r.Headers)
	for i, h := range r.Headers {
		if h.Key == "ce_chainprev" {
			r.Headers[i].Value = []byte(hex.EncodeToString(follows[:]))
		}
	}
	whole := eventlog.RecordHash(follows, r)
	for _, it := range b.items[b.bad+1:] {
		if it.version == bad.version+1 && bytes.Equal(it.prev[:], whole[:]) {
			return "it names another predecessor than the one it was written behind", true
		}
	}
	return "", false
}

func named(kind Kind, it item, version int64, differs, detail string) Finding {
	return Finding{Kind: kind, Version: version, Differs: []string{differs}, Detail: detail}.at(it.record.Partition, it.record.Offset)
}

// readAt returns the record at one place.
func readAt(ctx context.Context, src Source, partition int32, offset int64) (r eventlog.Record, err error) {
	err = src.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards,
		From:  map[int32]int64{partition: offset}, To: map[int32]int64{partition: offset + 1},
		Handle: each(func(found eventlog.Record) error { r = found; return nil }),
	})
	return r, err
}
