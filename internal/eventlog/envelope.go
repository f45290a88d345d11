package eventlog

import (
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

type attributes struct {
	specVersion, contentType, time, chainVersion, chainPrev string
	e                                                       domain.Envelope
}

// attributeHeaders lists the headers of an envelope in the order of a record, sorted by name.
var attributeHeaders = []struct {
	name string
	text func(*attributes) *string
}{
	{headerActor, func(a *attributes) *string { return &a.e.Audit.Actor }},
	{headerActorRole, func(a *attributes) *string { return &a.e.Audit.Role }},
	{headerChainPrev, func(a *attributes) *string { return &a.chainPrev }},
	{headerChainVersion, func(a *attributes) *string { return &a.chainVersion }},
	{headerCommandID, func(a *attributes) *string { return &a.e.Audit.CommandID }},
	{headerID, func(a *attributes) *string { return &a.e.ID }},
	{headerIdempotencyKey, func(a *attributes) *string { return &a.e.Audit.IdempotencyKey }},
	{headerOnBehalfOf, func(a *attributes) *string { return &a.e.Audit.OnBehalfOf }},
	{headerRequestDigest, func(a *attributes) *string { return &a.e.Audit.RequestDigest }},
	{headerRequestID, func(a *attributes) *string { return &a.e.Audit.RequestID }},
	{headerSource, func(a *attributes) *string { return &a.e.Source }},
	{headerSpecVersion, func(a *attributes) *string { return &a.specVersion }},
	{headerSubject, func(a *attributes) *string { return &a.e.Subject }},
	{headerTime, func(a *attributes) *string { return &a.time }},
	{headerTraceParent, func(a *attributes) *string { return &a.e.TraceParent }},
	{headerType, func(a *attributes) *string { return &a.e.Type }},
	{headerContentType, func(a *attributes) *string { return &a.contentType }},
}

// envelopeHeaders returns headers that [parseEnvelope] accepts. They are sorted by name, so that
// both clients produce the same bytes. Empty attributes are omitted, as CloudEvents requires.
func envelopeHeaders(e domain.Envelope, chained, tombstone bool) ([]Header, error) {
	a := attributes{e: e, specVersion: specVersion, time: e.Time.UTC().Format(timeLayout)}
	if e.Chain != nil {
		a.chainPrev, a.chainVersion = hex.EncodeToString(e.Chain.Prev[:]), strconv.FormatInt(e.Chain.Version, 10)
	}
	if !tombstone {
		a.contentType = contentTypeJSON
	}
	headers := make([]Header, 0, len(attributeHeaders))
	values := make([]byte, 0, 512) // all values: one allocation instead of one per value
	for _, header := range attributeHeaders {
		name, value := header.name, *header.text(&a)
		if value == "" {
			continue
		}
		if err := checkText(value); err != nil {
			return nil, fmt.Errorf("header %s %w", name, err)
		}
		from := len(values)
		values = append(values, value...)
		headers = append(headers, Header{Key: name, Value: values[from:len(values):len(values)]})
	}
	if _, err := a.envelope(chained, tombstone); err != nil {
		return nil, err
	}
	return headers, nil
}

// parseEnvelope parses the headers strictly: every attribute occurs at most once and is not empty,
// all required attributes are present, and chain headers occur only on chained topics. [Judge] and
// [Codec.Decode] share it, so an effective record always has a valid envelope.
func parseEnvelope(headers []Header, chained, tombstone bool) (domain.Envelope, error) {
	var a attributes
	last, ascending := "", true
	at := 0 // index in attributeHeaders while the headers are sorted
	values := joinValues(headers)
	for i, h := range headers {
		value := values[:len(h.Value)]
		values = values[len(h.Value):]
		ascending, last = ascending && last < h.Key, h.Key
		if !strings.HasPrefix(h.Key, headerPrefix) && h.Key != headerContentType {
			continue
		}
		if IsTraceContext(h.Key) { // not covered by the hash, so it must not affect a verdict
			if h.Key == headerTraceParent && a.e.TraceParent == "" && checkText(value) == nil {
				a.e.TraceParent = value
			}
			continue
		}
		if !ascending && slices.ContainsFunc(headers[:i], func(o Header) bool { return o.Key == h.Key }) {
			return domain.Envelope{}, fmt.Errorf("header %s is repeated", h.Key)
		}
		if err := checkText(value); err != nil {
			return domain.Envelope{}, fmt.Errorf("header %s %w", h.Key, err)
		}
		if !ascending {
			at = 0
		}
		for at < len(attributeHeaders) && attributeHeaders[at].name < h.Key {
			at++
		}
		// Unknown names are extensions of a later version. They are ignored but covered by the
		// hash.
		if at < len(attributeHeaders) && attributeHeaders[at].name == h.Key {
			*attributeHeaders[at].text(&a) = value
		}
	}
	return a.envelope(chained, tombstone)
}

// joinValues joins all values in one string: one allocation instead of one per value.
func joinValues(headers []Header) string {
	size := 0
	for _, h := range headers {
		size += len(h.Value)
	}
	var values strings.Builder
	values.Grow(size)
	for _, h := range headers {
		values.Write(h.Value)
	}
	return values.String()
}

func (a *attributes) envelope(chained, tombstone bool) (domain.Envelope, error) {
	if a.specVersion != specVersion {
		return domain.Envelope{}, fmt.Errorf("header %s is %q; it must be %s",
			headerSpecVersion, a.specVersion, specVersion)
	}
	for _, required := range []struct{ name, value string }{
		{headerID, a.e.ID}, {headerSource, a.e.Source}, {headerType, a.e.Type}, {headerTime, a.time},
	} {
		if required.value == "" {
			return domain.Envelope{}, fmt.Errorf("header %s is missing", required.name)
		}
	}
	if !tombstone && a.contentType != contentTypeJSON {
		return domain.Envelope{}, fmt.Errorf("header %s is %q; it must be %s",
			headerContentType, a.contentType, contentTypeJSON)
	}
	at, err := time.Parse(time.RFC3339Nano, a.time)
	if err != nil {
		return domain.Envelope{}, fmt.Errorf("header %s: %q is not an RFC 3339 time", headerTime, a.time)
	}
	if at.Nanosecond()%int(time.Microsecond) != 0 {
		return domain.Envelope{}, fmt.Errorf("header %s: %q has more than microsecond precision", headerTime, a.time)
	}
	a.e.Time = at.UTC()
	if a.e.Chain, err = a.chain(chained); err != nil {
		return domain.Envelope{}, err
	}
	return a.e, nil
}

func (a *attributes) chain(chained bool) (*domain.ChainLink, error) {
	if !chained {
		if a.chainVersion != "" || a.chainPrev != "" {
			return nil, errors.New("chain headers on a topic that is not chained")
		}
		return nil, nil
	}
	version, err := strconv.ParseInt(a.chainVersion, 10, 64)
	var canonical [20]byte
	if err != nil || version < 1 || string(strconv.AppendInt(canonical[:0], version, 10)) != a.chainVersion {
		return nil, fmt.Errorf("header %s is %q; it must be a decimal number greater than 0",
			headerChainVersion, a.chainVersion)
	}
	link := &domain.ChainLink{Version: version}
	if !decodeHash(&link.Prev, a.chainPrev) {
		return nil, fmt.Errorf("header %s must be %d lower-case hex digits", headerChainPrev, 2*hashSize)
	}
	return link, nil
}

// decodeHash returns false if text is not a hash in lower-case hexadecimal.
func decodeHash(into *[hashSize]byte, text string) bool {
	if len(text) != 2*hashSize || strings.ContainsAny(text, "ABCDEF") {
		return false
	}
	_, err := hex.Decode(into[:], []byte(text))
	return err == nil
}

// checkText refuses text that CloudEvents forbids in attributes or PostgreSQL cannot store.
func checkText(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	printable := true // printable ASCII, like most values
	for i := range len(s) {
		printable = printable && ' ' <= s[i] && s[i] <= '~'
	}
	if printable {
		return nil
	}
	if !utf8.ValidString(s) {
		return errors.New("is not UTF-8")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("contains a control character")
	}
	return nil
}
