package eventlog

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
)

// TagKeySize is the length of a tag key in bytes.
const TagKeySize = 32

// ErrNoTagKey refuses an append of a log that was opened without a tag key: nobody would take the record for ours.
var ErrNoTagKey = errors.New("this process has no tag key (LEDGERBOARD_TAG_KEYS), and a record without a tag counts for nothing")

// TagKey tags records and checks their tags. The zero value is no key. It prints and marshals as its id.
type TagKey struct {
	id  string
	key func() []byte // fmt follows pointers and slices with a verb that does not fit; a function it does not call
}

// NewTagKey makes a key of exactly [TagKeySize] bytes, which should come from a random source.
func NewTagKey(b []byte) (TagKey, error) {
	if len(b) != TagKeySize {
		return TagKey{}, fmt.Errorf("the key has %d bytes, not %d", len(b), TagKeySize)
	}
	if [TagKeySize]byte(b) == [TagKeySize]byte{} {
		return TagKey{}, errors.New("the key is all zeros")
	}
	key := slices.Clone(b)
	digest := sha256.Sum256(key)
	return TagKey{id: hex.EncodeToString(digest[:])[:16], key: func() []byte { return key }}, nil
}

// ParseTagKeys reads the key from configuration: [TagKeySize] bytes in hexadecimal or base64. A second key is refused: the list of
// epochs has one entry.
func ParseTagKeys(text string) (TagKey, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	switch {
	case len(fields) == 0:
		return TagKey{}, fmt.Errorf("no key is given (make one with: openssl rand -hex %d)", TagKeySize)
	case len(fields) > 1 && slices.Contains(fields[1:], fields[0]):
		return TagKey{}, errors.New("the key is given twice")
	case len(fields) > 1:
		return TagKey{}, fmt.Errorf("%d keys are given: a log has one, with which all of its records are tagged", len(fields))
	}
	b, err := hex.DecodeString(fields[0])
	if err != nil {
		b, err = base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(fields[0], "=")))
	}
	if err != nil {
		return TagKey{}, fmt.Errorf("the key is neither hexadecimal nor base64 of %d bytes (make one with: openssl rand -hex %d)", TagKeySize, TagKeySize)
	}
	return NewTagKey(b)
}

// IsZero tells whether it is no key.
func (k TagKey) IsZero() bool { return k.key == nil }

// ID names the key: SHA-256 of it, the first 16 hex digits.
func (k TagKey) ID() string { return k.id }

// Format prints the key's id, whatever the verb.
func (k TagKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "tag key "+k.id) }

// MarshalText writes the key's id: JSON, XML and structured logs show it.
func (k TagKey) MarshalText() ([]byte, error) { return []byte("tag key " + k.id), nil }

// Tagger tags the records of one log. It is safe for concurrent use.
type Tagger struct{ states sync.Pool }

// tagState is reused: a rebuild checks millions of tags.
type tagState struct {
	mac    hash.Hash
	layout []byte
	sum    []byte
	prev   [hashSize]byte
}

// NewTagger makes the tagger of the log with the id.
func NewTagger(key TagKey, log LogID) *Tagger {
	t := &Tagger{}
	t.states.New = func() any {
		prefix := appendField(appendField(nil, tagContext), log[:])
		return &tagState{mac: hmac.New(sha256.New, key.key()), layout: prefix, sum: make([]byte, 0, hashSize)}
	}
	return t
}

// tagContext keeps a tag from being taken for anything else that a key of ours authenticates.
const tagContext = "ledgerboard record v1"

// tagPrefix is how long what stands before the record is in the layout.
const tagPrefix = 4 + len(tagContext) + 4 + len(LogID{})

// tagSize is the length of the header's value.
var tagSize = base64.RawURLEncoding.EncodedLen(hashSize)

// Tag returns the record with its tag in the place of any that it has; its headers are in the order of their names.
func (t *Tagger) Tag(r Record) Record {
	headers := slices.DeleteFunc(slices.Clone(r.Headers), func(h Header) bool { return h.Key == headerTag })
	sortHeaders(headers)
	r.Headers = headers
	value := make([]byte, tagSize)
	t.sum(r, headers, func(sum []byte) { base64.RawURLEncoding.Encode(value, sum) })
	at, _ := slices.BinarySearchFunc(headers, headerTag, func(h Header, name string) int { return strings.Compare(h.Key, name) })
	r.Headers = slices.Insert(headers, at, Header{Key: headerTag, Value: value})
	return r
}

// fault says what is wrong with the tag of a record; "" when it is right.
func (t *Tagger) fault(r Record) string {
	tag, ascending, fault := tagOf(r)
	if fault != "" {
		return fault
	}
	headers := r.Headers
	if !ascending {
		headers = slices.Clone(headers)
		sortHeaders(headers)
	}
	right := false
	t.sum(r, headers, func(sum []byte) {
		var want [64]byte
		base64.RawURLEncoding.Encode(want[:tagSize], sum)
		right = subtle.ConstantTimeCompare(want[:tagSize], tag) == 1
	})
	if !right {
		return "its tag is not of this key, log, topic, key and content"
	}
	return ""
}

// tagOf returns the one tag of a record, and whether its headers are in the order of their names; or why it has none.
func tagOf(r Record) (tag []byte, ascending bool, fault string) {
	tags, last := 0, ""
	ascending = true
	for _, h := range r.Headers {
		if h.Key == headerTag {
			tag = h.Value
			tags++
		}
		ascending, last = ascending && last <= h.Key, h.Key
	}
	switch {
	case tags == 0:
		fault = "it has no tag"
	case tags > 1:
		fault = fmt.Sprintf("it has %d tags", tags)
	case len(tag) != tagSize:
		fault = "its tag is malformed"
	}
	return tag, ascending, fault
}

// tagFormFault says what is wrong with the form of a record's tag, for who has no key to check it with.
func tagFormFault(r Record) string {
	tag, _, fault := tagOf(r)
	if fault == "" {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(string(tag)); err != nil {
			fault = "its tag is malformed"
		}
	}
	return fault
}

// sum hands over the HMAC of a record, whose headers are sorted.
func (t *Tagger) sum(r Record, sorted []Header, use func(sum []byte)) {
	s := t.states.Get().(*tagState) //nolint:forcetypeassert // there is no other
	defer t.states.Put(s)
	var version, prev []byte
	if text := headerValue(sorted, headerChainPrev); text != nil {
		version = headerValue(sorted, headerChainVersion)
		if prev = text; decodeHash(&s.prev, text) {
			prev = s.prev[:]
		}
	}
	b := s.layout[:tagPrefix]
	b = appendField(b, prev)
	b = appendField(b, r.Topic)
	b = appendField(b, r.Key)
	b = appendField(b, version)
	for _, h := range sorted {
		if h.Key != headerTag && !IsTraceContext(h.Key) {
			b = appendField(b, h.Key)
			b = appendField(b, h.Value)
		}
	}
	s.layout = appendField(b, r.Value)
	s.mac.Reset()
	_, _ = s.mac.Write(s.layout)
	s.sum = s.mac.Sum(s.sum[:0])
	use(s.sum)
}

func sortHeaders(headers []Header) {
	slices.SortStableFunc(headers, func(a, b Header) int { return strings.Compare(a.Key, b.Key) })
}
