package eventlog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Header names: the CloudEvents 1.0 Kafka binding in binary mode, and our extensions.
const (
	headerSpecVersion    = "ce_specversion"
	headerID             = "ce_id"
	headerSource         = "ce_source"
	headerType           = "ce_type"
	headerTime           = "ce_time"
	headerSubject        = "ce_subject"
	headerContentType    = "content-type"
	headerActor          = "ce_actor"
	headerActorRole      = "ce_actorrole"
	headerOnBehalfOf     = "ce_onbehalfof"
	headerCommandID      = "ce_commandid"
	headerRequestID      = "ce_requestid"
	headerIdempotencyKey = "ce_idempotencykey"
	headerRequestDigest  = "ce_requestdigest"
	headerTraceParent    = "ce_traceparent"
	headerTraceState     = "ce_tracestate"
	headerChainVersion   = "ce_chainversion"
	headerChainPrev      = "ce_chainprev"

	headerPrefix    = "ce_"
	specVersion     = "1.0"
	contentTypeJSON = "application/json"
)

// typeErased is the ce_type of a tombstone if its draft has no type. The registry does not contain
// it, because tombstones have no payload.
const typeErased = "directory.erased.v1"

// timeLayout is RFC 3339 in UTC with six fractional digits, the precision of PostgreSQL.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// IsTraceContext reports whether a header contains trace context, which proxies may rewrite and
// [RecordHash] therefore excludes.
func IsTraceContext(name string) bool {
	switch name {
	case headerTraceParent, headerTraceState, "traceparent", "tracestate":
		return true
	default:
		return false
	}
}

// The attributes of an envelope in the order of a record's headers, sorted by name.
const (
	attrActor = iota
	attrActorRole
	attrChainPrev
	attrChainVersion
	attrCommandID
	attrID
	attrIdempotencyKey
	attrOnBehalfOf
	attrRequestDigest
	attrRequestID
	attrSource
	attrSpecVersion
	attrSubject
	attrTime
	attrTraceParent
	attrType
	attrContentType
	attrCount
)

// attributes are the values of an envelope's headers; empty if the header is absent.
type attributes [attrCount][]byte

// attributeHeaders names the header of each attribute and the envelope's field for it, if there is a
// field of type string.
var attributeHeaders = [attrCount]struct {
	name string
	text func(*domain.Envelope) *string
}{
	attrActor:          {headerActor, func(e *domain.Envelope) *string { return &e.Audit.Actor }},
	attrActorRole:      {headerActorRole, func(e *domain.Envelope) *string { return &e.Audit.Role }},
	attrChainPrev:      {headerChainPrev, nil},
	attrChainVersion:   {headerChainVersion, nil},
	attrCommandID:      {headerCommandID, func(e *domain.Envelope) *string { return &e.Audit.CommandID }},
	attrID:             {headerID, func(e *domain.Envelope) *string { return &e.ID }},
	attrIdempotencyKey: {headerIdempotencyKey, func(e *domain.Envelope) *string { return &e.Audit.IdempotencyKey }},
	attrOnBehalfOf:     {headerOnBehalfOf, func(e *domain.Envelope) *string { return &e.Audit.OnBehalfOf }},
	attrRequestDigest:  {headerRequestDigest, func(e *domain.Envelope) *string { return &e.Audit.RequestDigest }},
	attrRequestID:      {headerRequestID, func(e *domain.Envelope) *string { return &e.Audit.RequestID }},
	attrSource:         {headerSource, func(e *domain.Envelope) *string { return &e.Source }},
	attrSpecVersion:    {headerSpecVersion, nil},
	attrSubject:        {headerSubject, func(e *domain.Envelope) *string { return &e.Subject }},
	attrTime:           {headerTime, nil},
	attrTraceParent:    {headerTraceParent, func(e *domain.Envelope) *string { return &e.TraceParent }},
	attrType:           {headerType, func(e *domain.Envelope) *string { return &e.Type }},
	attrContentType:    {headerContentType, nil},
}

// envelopeHeaders returns headers that [parseAttributes] accepts. They are sorted by name, so that
// both clients produce the same bytes. Empty attributes are omitted, as CloudEvents requires.
func envelopeHeaders(e domain.Envelope, chained, tombstone bool) ([]Header, error) {
	texts := [attrCount]string{attrSpecVersion: specVersion, attrTime: e.Time.UTC().Format(timeLayout)}
	if e.Chain != nil {
		texts[attrChainPrev] = hex.EncodeToString(e.Chain.Prev[:])
		texts[attrChainVersion] = strconv.FormatInt(e.Chain.Version, 10)
	}
	if !tombstone {
		texts[attrContentType] = contentTypeJSON
	}
	var a attributes
	headers := make([]Header, 0, attrCount)
	values := make([]byte, 0, 512) // all values: one allocation instead of one per value
	for i, header := range attributeHeaders {
		if header.text != nil {
			texts[i] = *header.text(&e)
		}
		if texts[i] == "" {
			continue
		}
		from := len(values)
		values = append(values, texts[i]...)
		a[i] = values[from:len(values):len(values)]
		if err := checkText(a[i]); err != nil {
			return nil, fmt.Errorf("header %s %w", header.name, err)
		}
		headers = append(headers, Header{Key: header.name, Value: a[i]})
	}
	_, err := a.check(chained, tombstone)
	return headers, err
}

// parseAttributes parses headers strictly, without copying them: every attribute occurs at most once
// and is not empty. [Judge] and [Codec.Decode] share it and [attributes.check], so an effective record
// always has a valid envelope.
func parseAttributes(headers []Header) (a attributes, err error) {
	last, ascending := "", true
	at := 0 // index in attributeHeaders while the headers are sorted
	for i, h := range headers {
		ascending, last = ascending && last < h.Key, h.Key
		if !strings.HasPrefix(h.Key, headerPrefix) && h.Key != headerContentType {
			continue
		}
		if IsTraceContext(h.Key) { // not covered by the hash, so it must not affect a verdict
			if h.Key == headerTraceParent && len(a[attrTraceParent]) == 0 && checkText(h.Value) == nil {
				a[attrTraceParent] = h.Value
			}
			continue
		}
		if !ascending && slices.ContainsFunc(headers[:i], func(o Header) bool { return o.Key == h.Key }) {
			return a, fmt.Errorf("header %s is repeated", h.Key)
		}
		if err := checkText(h.Value); err != nil {
			return a, fmt.Errorf("header %s %w", h.Key, err)
		}
		if !ascending {
			at = 0
		}
		for at < attrCount && attributeHeaders[at].name < h.Key {
			at++
		}
		// Unknown names are extensions of a later version. They are ignored but covered by the
		// hash.
		if at < attrCount && attributeHeaders[at].name == h.Key {
			a[at] = h.Value
		}
	}
	return a, nil
}

// parseEnvelope parses headers like [parseAttributes] and checks them.
func parseEnvelope(headers []Header, chained, tombstone bool) (domain.Envelope, error) {
	a, err := parseAttributes(headers)
	if err != nil {
		return domain.Envelope{}, err
	}
	checked, err := a.check(chained, tombstone)
	if err != nil {
		return domain.Envelope{}, err
	}
	e := domain.Envelope{Time: checked.at}
	if chained {
		e.Chain = &checked.chain
	}
	texts := a.texts()
	for i, header := range attributeHeaders {
		if header.text != nil {
			*header.text(&e) = texts[i]
		}
	}
	return e, nil
}

// texts returns all values as parts of one string: one allocation instead of one per value.
func (a *attributes) texts() (texts [attrCount]string) {
	size := 0
	for _, value := range a {
		size += len(value)
	}
	var joined strings.Builder
	joined.Grow(size)
	for _, value := range a {
		joined.Write(value)
	}
	rest := joined.String()
	for i, value := range a {
		texts[i], rest = rest[:len(value)], rest[len(value):]
	}
	return texts
}

// checked are the values of an envelope that are not texts.
type checked struct {
	at    time.Time
	chain domain.ChainLink // only on a chained topic
}

// check checks that all required attributes are present and valid, and that chain headers occur only
// on chained topics.
func (a *attributes) check(chained, tombstone bool) (c checked, err error) {
	if string(a[attrSpecVersion]) != specVersion {
		return c, fmt.Errorf("header %s is %q; it must be %s", headerSpecVersion, a[attrSpecVersion], specVersion)
	}
	for _, required := range [...]int{attrID, attrSource, attrType, attrTime} {
		if len(a[required]) == 0 {
			return c, fmt.Errorf("header %s is missing", attributeHeaders[required].name)
		}
	}
	if !tombstone && string(a[attrContentType]) != contentTypeJSON {
		return c, fmt.Errorf("header %s is %q; it must be %s", headerContentType, a[attrContentType], contentTypeJSON)
	}
	if err := c.at.UnmarshalText(a[attrTime]); err != nil {
		return c, fmt.Errorf("header %s: %q is not an RFC 3339 time", headerTime, a[attrTime])
	}
	if c.at.Nanosecond()%int(time.Microsecond) != 0 {
		return c, fmt.Errorf("header %s: %q has more than microsecond precision", headerTime, a[attrTime])
	}
	c.at = c.at.UTC()
	if !chained {
		if len(a[attrChainVersion])+len(a[attrChainPrev]) > 0 {
			return c, errors.New("chain headers on a topic that is not chained")
		}
		return c, nil
	}
	version := a[attrChainVersion]
	var canonical [20]byte
	c.chain.Version, err = strconv.ParseInt(string(version), 10, 64)
	if err != nil || c.chain.Version < 1 || !bytes.Equal(strconv.AppendInt(canonical[:0], c.chain.Version, 10), version) {
		return c, fmt.Errorf("header %s is %q; it must be a decimal number greater than 0", headerChainVersion, version)
	}
	if !decodeHash(&c.chain.Prev, a[attrChainPrev]) {
		return c, fmt.Errorf("header %s must be %d lower-case hex digits", headerChainPrev, 2*hashSize)
	}
	return c, nil
}

// decodeHash returns false if text is not a hash in lower-case hexadecimal.
func decodeHash(into *[hashSize]byte, text []byte) bool {
	if len(text) != 2*hashSize || bytes.ContainsAny(text, "ABCDEF") {
		return false
	}
	_, err := hex.Decode(into[:], text)
	return err == nil
}

// checkText refuses text that CloudEvents forbids in attributes or PostgreSQL cannot store.
func checkText(s []byte) error {
	if len(s) == 0 {
		return errors.New("is empty")
	}
	printable := true // printable ASCII, like most values
	for _, c := range s {
		printable = printable && ' ' <= c && c <= '~'
	}
	if printable {
		return nil
	}
	if !utf8.Valid(s) {
		return errors.New("is not UTF-8")
	}
	if bytes.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("contains a control character")
	}
	return nil
}
