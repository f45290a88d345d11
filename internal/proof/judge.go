package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// judge gives [eventlog.Judge]'s verdict, and a quick one where there is no doubt: most records are
// effective and written by our codec, and to see that takes no allocation. It is a shortcut and no
// second opinion: it says Effective only where Judge does, with the same head, and asks Judge about
// everything else (TestQuickVerdictIsJudges). With Judge alone verifying took three times as long.
type judge struct {
	buffer []byte
	prev   [2 * sha256.Size]byte // hex
}

// next judges a record. The caller has seen that the key belongs to the partition that it lies in, if
// home is set.
func (j *judge) next(head eventlog.Head, r eventlog.Record, partitions int32, home bool) (eventlog.Verdict, eventlog.Head, string) {
	if home {
		if next, ok := j.quick(head, r); ok {
			return eventlog.Effective, next, ""
		}
	}
	return eventlog.Judge(head, r, partitions)
}

// needed are the headers that an effective record has.
const (
	hasSpec = 1 << iota
	hasID
	hasSource
	hasType
	hasTime
	hasContentType
	hasVersion
	hasPrev
	hasAll = 1<<iota - 1
)

// quick returns the next head when the record is plainly effective: headers strictly in order (so that
// none is there twice), plain ASCII, in the codec's own spelling.
func (j *judge) quick(head eventlog.Head, r eventlog.Record) (eventlog.Head, bool) {
	if len(r.Key) == 0 || len(r.Value) == 0 || r.Topic != domain.TopicDashboards {
		return head, false
	}
	prev := head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(r.Topic, string(r.Key))
	}
	next := eventlog.Head{Version: head.Version + 1}
	var number [20]byte
	version := strconv.AppendInt(number[:0], next.Version, 10)
	hex.Encode(j.prev[:], prev[:])

	b := j.buffer[:0]
	b = putField(b, prev[:])
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(r.Topic))), r.Topic...)
	b = putField(b, r.Key)
	b = putField(b, version)
	seen, last := 0, ""
	for _, h := range r.Headers {
		if h.Key <= last {
			return head, false
		}
		last = h.Key
		bit, ok := j.header(h, version, &next.Time)
		if !ok {
			return head, false
		}
		seen |= bit
		if !isTraceContext(h.Key) {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(h.Key))), h.Key...)
			b = putField(b, h.Value)
		}
	}
	b = putField(b, r.Value)
	j.buffer = b
	if seen != hasAll || head.Version > 0 && !next.Time.After(head.Time) {
		return head, false
	}
	next.Hash = sha256.Sum256(b)
	return next, true
}

func putField(b, field []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
}

// header looks at one header; ok is false when it is not plainly right.
func (j *judge) header(h eventlog.Header, version []byte, at *time.Time) (bit int, ok bool) {
	if !strings.HasPrefix(h.Key, "ce_") && h.Key != "content-type" {
		return 0, true
	}
	if !plainText(h.Value) {
		return 0, false
	}
	switch h.Key {
	case "ce_specversion":
		return hasSpec, string(h.Value) == "1.0"
	case "ce_id":
		return hasID, true
	case "ce_source":
		return hasSource, true
	case "ce_type":
		return hasType, true
	case "ce_time":
		whole := len(h.Value) == len(timeLayout) && h.Value[len(h.Value)-1] == 'Z' // six digits, UTC
		return hasTime, whole && at.UnmarshalText(h.Value) == nil
	case "content-type":
		return hasContentType, string(h.Value) == "application/json"
	case "ce_chainversion":
		return hasVersion, bytes.Equal(h.Value, version)
	case "ce_chainprev":
		return hasPrev, bytes.Equal(h.Value, j.prev[:])
	default:
		return 0, true
	}
}

// plainText is true for printable ASCII.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(b) > 0
}
