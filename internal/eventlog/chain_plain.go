package eventlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// chainBuffers are reused to lay records out for hashing: a verification reads millions of them.
var chainBuffers = sync.Pool{New: func() any { return new([]byte) }}

// judgePlainly sees at once, and without allocations, that a record is effective: most are, and written
// by our codec, headers strictly in order (so that none is there twice), plain ASCII, in the codec's own
// spelling. It is a shortcut and no second opinion: it says yes only where [judgeFully] does, with the same
// head (TestPlainVerdictIsTheFullOne). Without it verifying takes three times as long.
func judgePlainly(head domain.StreamHead, r Record, partitions int32) (domain.StreamHead, bool) {
	if len(r.Key) == 0 || len(r.Value) == 0 || r.Partition != PartitionOf(r.Key, partitions) {
		return head, false
	}
	next := domain.StreamHead{Version: head.Version + 1}
	var number [20]byte
	version := strconv.AppendInt(number[:0], next.Version, 10)
	prev := predecessor(head, r)
	var named [2 * hashSize]byte
	hex.Encode(named[:], prev[:])
	p, ok := readPlainly(r.Headers)
	if !ok || p.seen != plainAll || !bytes.Equal(p.version, version) || !bytes.Equal(p.prev, named[:]) || head.Version > 0 && !p.time.After(head.Time) {
		return head, false
	}
	buffer := chainBuffers.Get().(*[]byte)
	*buffer = appendChained((*buffer)[:0], prev, r, version, r.Headers)
	next.Time, next.Hash = p.time, sha256.Sum256(*buffer)
	chainBuffers.Put(buffer)
	return next, true
}

// The headers that an effective record has.
const (
	plainSpec = 1 << iota
	plainID
	plainSource
	plainType
	plainTime
	plainVersion
	plainPrev
	plainContentType
	plainAll = 1<<iota - 1
)

// readPlainly reads headers that stand strictly in order; false when one is not plainly right.
func readPlainly(headers []Header) (p plainHeaders, ok bool) {
	last := ""
	for _, h := range headers {
		if h.Key <= last || !p.take(h) {
			return p, false
		}
		last = h.Key
	}
	return p, true
}

// plainHeaders collects what a record's headers say.
type plainHeaders struct {
	seen          int
	time          time.Time
	version, prev []byte // as the chain's headers have them
}

// take looks at one header; false when it is not plainly right.
func (p *plainHeaders) take(h Header) bool {
	if !strings.HasPrefix(h.Key, headerPrefix) && h.Key != headerContentType {
		return true
	}
	if !plainText(h.Value) {
		return false
	}
	switch h.Key {
	case headerSpecVersion:
		p.seen |= plainSpec
		return string(h.Value) == specVersion
	case headerID:
		p.seen |= plainID
	case headerSource:
		p.seen |= plainSource
	case headerType:
		p.seen |= plainType
	case headerTime:
		p.seen |= plainTime
		at, ok := utcTime(string(h.Value))
		p.time = at
		return ok && len(h.Value) == len(timeLayout) // six digits
	case headerContentType:
		p.seen |= plainContentType
		return string(h.Value) == contentTypeJSON
	case headerChainVersion:
		p.seen |= plainVersion
		p.version = h.Value
	case headerChainPrev:
		p.seen |= plainPrev
		p.prev = h.Value
	}
	return true
}

// plainText is true for printable ASCII, at least one letter of it. It looks at eight at a time: headers and payloads come by the million.
func plainText[T ~string | ~[]byte](text T) bool {
	const (
		each = 0x0101010101010101
		high = 0x80 * each
	)
	var odd uint64 // its high bits: of each place of a word, whether something odd was there
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		w := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		odd |= (w-' '*each)&^w | // below ' ', or behind such a one
			w | (w + each) // above '~'
	}
	for i := range len(rest) {
		if c := rest[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return odd&high == 0 && len(text) > 0
}

// utcTime reads "2006-01-02T15:04:05Z", with a fraction of up to nine digits or without. It says yes only where package time
// reads the same.
func utcTime(text string) (at time.Time, plain bool) {
	const whole = len("2006-01-02T15:04:05")
	if len(text) <= whole || text[len(text)-1] != 'Z' || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return at, false
	}
	nanos, fraction := 0, text[whole:len(text)-1]
	if fraction != "" {
		if fraction[0] != '.' || len(fraction) == 1 || len(fraction) > 10 {
			return at, false
		}
		nanos = plainDigits(fraction[1:])
		for range 10 - len(fraction) {
			nanos *= 10
		}
	}
	year, month, day := plainDigits(text[:4]), plainDigits(text[5:7]), plainDigits(text[8:10])
	hour, minute, second := plainDigits(text[11:13]), plainDigits(text[14:16]), plainDigits(text[17:whole])
	if min(year, month-1, day, hour, minute, second, nanos) < 0 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return at, false
	}
	at = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return at, at.Day() == day // 0 and 31 may be days of another month
}

// plainDigits reads digits; what is none makes the number negative.
func plainDigits(text string) (n int) {
	for i := range len(text) {
		digit := int(text[i]) - '0'
		if digit < 0 || digit > 9 {
			return -1
		}
		n = n*10 + digit
	}
	return n
}
