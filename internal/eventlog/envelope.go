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

// Header names: the CloudEvents 1.0 Kafka binding, binary mode, and our extensions.
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

// TypeErased is the ce_type of a tombstone whose draft names no type. It has no payload and stands in
// no registry.
const TypeErased = "directory.erased.v1"

// timeLayout is RFC 3339 in UTC with exactly six digits: PostgreSQL's resolution.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// IsTraceContext names the headers that proxies may rewrite and that the chain's hash leaves out.
func IsTraceContext(name string) bool {
	switch name {
	case headerTraceParent, headerTraceState, "traceparent", "tracestate":
		return true
	default:
		return false
	}
}

// envelopeHeaders writes an envelope in the order of the headers' names, so that both clients produce
// the same bytes. Empty attributes are left out, as CloudEvents demands.
func envelopeHeaders(e domain.Envelope, tombstone bool) []Header {
	headers := make([]Header, 0, 18)
	put := func(name, value string) {
		if value != "" {
			headers = append(headers, Header{Key: name, Value: []byte(value)})
		}
	}
	put(headerActor, e.Audit.Actor)
	put(headerActorRole, e.Audit.Role)
	if e.Chain != nil {
		put(headerChainPrev, hex.EncodeToString(e.Chain.Prev))
		put(headerChainVersion, strconv.FormatInt(e.Chain.Version, 10))
	}
	put(headerCommandID, e.Audit.CommandID)
	put(headerID, e.ID)
	put(headerIdempotencyKey, e.Audit.IdempotencyKey)
	put(headerOnBehalfOf, e.Audit.OnBehalfOf)
	put(headerRequestDigest, e.Audit.RequestDigest)
	put(headerRequestID, e.Audit.RequestID)
	put(headerSource, e.Source)
	put(headerSpecVersion, specVersion)
	put(headerSubject, e.Subject)
	put(headerTime, e.Time.UTC().Format(timeLayout))
	put(headerTraceParent, e.TraceParent)
	put(headerType, e.Type)
	if !tombstone {
		put(headerContentType, contentTypeJSON)
	}
	return headers
}

// parseEnvelope reads the headers strictly: every attribute at most once and never empty, the
// required ones there, the chain's exactly on chained topics. [Judge] and [Codec.Decode] share it, so
// that what is effective always has an envelope.
func parseEnvelope(headers []Header, chained, tombstone bool) (domain.Envelope, error) {
	var a attributes
	for i, h := range headers {
		if !strings.HasPrefix(h.Key, headerPrefix) && h.Key != headerContentType {
			continue
		}
		if slices.ContainsFunc(headers[:i], func(o Header) bool { return o.Key == h.Key }) {
			return domain.Envelope{}, fmt.Errorf("header %s is there twice", h.Key)
		}
		value := string(h.Value)
		if err := checkText(value); err != nil {
			return domain.Envelope{}, fmt.Errorf("header %s %w", h.Key, err)
		}
		a.set(h.Key, value)
	}
	return a.envelope(chained, tombstone)
}

// attributes are the header values as text, before they are judged.
type attributes struct {
	specVersion, contentType, time, chainVersion, chainPrev string
	e                                                       domain.Envelope
}

func (a *attributes) set(name, value string) {
	switch name {
	case headerSpecVersion:
		a.specVersion = value
	case headerContentType:
		a.contentType = value
	case headerTime:
		a.time = value
	case headerChainVersion:
		a.chainVersion = value
	case headerChainPrev:
		a.chainPrev = value
	case headerID:
		a.e.ID = value
	case headerSource:
		a.e.Source = value
	case headerType:
		a.e.Type = value
	case headerSubject:
		a.e.Subject = value
	case headerActor:
		a.e.Audit.Actor = value
	case headerActorRole:
		a.e.Audit.Role = value
	case headerOnBehalfOf:
		a.e.Audit.OnBehalfOf = value
	case headerCommandID:
		a.e.Audit.CommandID = value
	case headerRequestID:
		a.e.Audit.RequestID = value
	case headerIdempotencyKey:
		a.e.Audit.IdempotencyKey = value
	case headerRequestDigest:
		a.e.Audit.RequestDigest = value
	case headerTraceParent:
		a.e.TraceParent = value
	default: // an extension of a later version: the hash covers it, this version does not read it
	}
}

func (a *attributes) envelope(chained, tombstone bool) (domain.Envelope, error) {
	if a.specVersion != specVersion {
		return domain.Envelope{}, fmt.Errorf("header %s is %q, must be %q", headerSpecVersion, a.specVersion, specVersion)
	}
	for _, required := range []struct{ name, value string }{
		{headerID, a.e.ID}, {headerSource, a.e.Source}, {headerType, a.e.Type}, {headerTime, a.time},
	} {
		if required.value == "" {
			return domain.Envelope{}, fmt.Errorf("header %s is missing", required.name)
		}
	}
	if !tombstone && a.contentType != contentTypeJSON {
		return domain.Envelope{}, fmt.Errorf("header %s is %q, must be %q", headerContentType, a.contentType, contentTypeJSON)
	}
	at, err := parseTime(a.time)
	if err != nil {
		return domain.Envelope{}, fmt.Errorf("header %s: %w", headerTime, err)
	}
	a.e.Time = at
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
	if err != nil || version < 1 || strconv.FormatInt(version, 10) != a.chainVersion {
		return nil, fmt.Errorf("header %s is %q, must be a decimal number from 1", headerChainVersion, a.chainVersion)
	}
	prev, err := hex.DecodeString(a.chainPrev)
	if err != nil || len(prev) != hashSize || hex.EncodeToString(prev) != a.chainPrev {
		return nil, fmt.Errorf("header %s must be %d lower-case hex digits", headerChainPrev, 2*hashSize)
	}
	return &domain.ChainLink{Version: version, Prev: prev}, nil
}

func parseTime(value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an RFC 3339 time", value)
	}
	if !at.Equal(at.Truncate(time.Microsecond)) {
		return time.Time{}, fmt.Errorf("%q is finer than a microsecond", value)
	}
	return at.UTC(), nil
}

// checkText refuses what CloudEvents forbids in attributes and PostgreSQL cannot store.
func checkText(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	if isPlainText(s) {
		return nil
	}
	if !utf8.ValidString(s) {
		return errors.New("is not UTF-8")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("holds a control character")
	}
	return nil
}
