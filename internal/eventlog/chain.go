package eventlog

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
)

const hashSize = sha256.Size

// Verdict is the result of [Judge] for a record in the chain of its key.
type Verdict int

// The verdicts of [Judge]; the zero Verdict is not one of them.
const (
	// Effective means that the record succeeds the head and becomes the head.
	Effective Verdict = iota + 1
	// Stale means that the record lost a race or is a duplicate. It is skipped and counted.
	Stale
	// Broken means that the record reveals a gap or a fork, which no correct writer can produce.
	// The stream is parked.
	Broken
	// Invalid means that the record is malformed, or in a partition that its key does not belong
	// to. It is skipped and counted, regardless of its version.
	Invalid
)

// String returns the verdict's name in lower case.
func (v Verdict) String() string {
	switch v {
	case Effective:
		return "effective"
	case Stale:
		return "stale"
	case Broken:
		return "broken"
	case Invalid:
		return "invalid"
	default:
		return fmt.Sprintf("verdict(%d)", int(v))
	}
}

// Genesis returns the hash that the first record of a stream has as its previous hash: SHA-256 over
// "ledgerboard", the topic's domain name and the key, concatenated.
func Genesis(topic, key string) [hashSize]byte {
	return sha256.Sum256([]byte("ledgerboard" + topic + key))
}

// RecordHash returns the hash that identifies a record in its chain: SHA-256 over the following
// fields, each preceded by its length in bytes as a 32-bit big-endian number.
//
//  1. the previous record's hash, 32 raw bytes ([Genesis] for the first)
//  2. the topic's domain name
//  3. the key
//  4. the version, as the bytes of the ce_chainversion header (decimal)
//  5. for every header except the trace context (ce_traceparent, ce_tracestate, traceparent,
//     tracestate): its name, then its value; headers are sorted bytewise by name, and headers with
//     equal names keep the record's order
//  6. the value
//
// Partition, offset and timestamp are not included. Test vector: testdata/chain_vector.json.
func RecordHash(prev [hashSize]byte, r Record) [hashSize]byte {
	byName := func(a, b Header) int { return strings.Compare(a.Key, b.Key) }
	headers := r.Headers
	if !slices.IsSortedFunc(headers, byName) {
		headers = slices.Clone(headers)
		slices.SortStableFunc(headers, byName)
	}
	buffer := hashBuffers.Get().(*[]byte)
	defer hashBuffers.Put(buffer)
	b := appendField((*buffer)[:0], prev[:])
	b = appendField(b, r.Topic)
	b = appendField(b, r.Key)
	b = appendField(b, headerValue(r.Headers, headerChainVersion))
	for _, h := range headers {
		if !IsTraceContext(h.Key) {
			b = appendField(b, h.Key)
			b = appendField(b, h.Value)
		}
	}
	*buffer = appendField(b, r.Value)
	return sha256.Sum256(*buffer)
}

// hashBuffers are reused, because a verification hashes millions of records.
var hashBuffers = sync.Pool{New: func() any { return new([]byte) }}

func appendField[F ~string | ~[]byte](b []byte, field F) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
}

func headerValue(headers []Header, name string) []byte {
	for _, h := range headers {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
}

// Judge compares a record of a chained topic with the head of its key. It does not decode the
// value, so a record with an undecodable payload can still become the head. It returns the verdict,
// the head after the record, and an explanation for people, which is empty for [Effective].
//
// A record is Invalid regardless of its version if it is in the wrong partition or malformed: a
// missing, repeated, empty or ill-formed ce_ header, or an empty key or value. If such a record
// broke the chain, a stray copy of a record could block an agency.
func Judge(head domain.StreamHead, r Record, partitions int32) (Verdict, domain.StreamHead, string) {
	if len(r.Key) == 0 || len(r.Value) == 0 {
		return Invalid, head, "the key or the value is empty"
	}
	if want := PartitionOf(r.Key, partitions); r.Partition != want {
		return Invalid, head, fmt.Sprintf("the record is in partition %d, but its key belongs to %d", r.Partition, want)
	}
	a, err := parseAttributes(r.Headers)
	var e checked
	if err == nil {
		e, err = a.check(true, false)
	}
	if err != nil {
		return Invalid, head, err.Error()
	}
	broken := func(format string, args ...any) (Verdict, domain.StreamHead, string) {
		return Broken, head, fmt.Sprintf(format, args...)
	}
	if e.chain.Version <= head.Version {
		return Stale, head, fmt.Sprintf("version %d, but the head has %d", e.chain.Version, head.Version)
	}
	if e.chain.Version != head.Version+1 {
		return broken("version %d follows %d: the records in between are missing", e.chain.Version, head.Version)
	}
	prev := head.Hash
	if head.Version == 0 {
		prev = Genesis(r.Topic, string(r.Key))
	}
	if e.chain.Prev != prev {
		return broken("version %d names a predecessor that is not the head", e.chain.Version)
	}
	if head.Version > 0 && !e.at.After(head.Time) {
		return broken("version %d is not later than its predecessor", e.chain.Version)
	}
	return Effective, domain.StreamHead{Version: e.chain.Version, Hash: RecordHash(prev, r), Time: e.at}, ""
}

// FindSkips returns the versions that the effective skips of streams leave out, by key. scan calls
// its argument for each record in the order of the log. It is called a second time if there is a
// skip, to judge only streams that have one, because judging hashes each record.
func FindSkips(
	scan func(func(Record) error) error, decode func(Record) (domain.Recorded, error), partitions int32,
) (map[string]domain.Skips, error) {
	skips, heads := map[string]domain.Skips{}, map[string]domain.StreamHead{}
	isSkip := func(r Record) bool { return r.Header("ce_type") == (domain.EventSkipped{}).EventType() }
	err := scan(func(r Record) error {
		if isSkip(r) {
			skips[string(r.Key)] = domain.Skips{}
		}
		return nil
	})
	if err != nil || len(skips) == 0 {
		return skips, err
	}
	return skips, scan(func(r Record) error {
		key := string(r.Key)
		if skips[key] == nil {
			return nil
		}
		verdict, head, _ := Judge(heads[key], r, partitions)
		heads[key] = head
		if verdict == Effective && isSkip(r) {
			if recorded, err := decode(r); err == nil { // one that cannot be decoded skips nothing
				skips[key].Add(head.Version, recorded.Data)
			}
		}
		return nil
	})
}
