package domain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
)

// ErrUnknownType is wrapped by errors of [Registry.Decode] for a type that this binary does not
// know. Such a record is parked, and a binary that knows the type retries it.
var ErrUnknownType = errors.New("unknown event type")

// Registry maps event types to decoders and upcasters. [NewRegistry] builds it once and it never
// changes. Events are upcast when they are decoded, so live projection, rebuild and audit see the
// same events.
type Registry struct {
	decoders map[string]func([]byte) (Data, error)
}

// NewRegistry returns the registry of all event versions ever written. A version is never removed:
// testdata/ holds a frozen sample of each, which must decode forever.
func NewRegistry() *Registry {
	r := &Registry{decoders: map[string]func([]byte) (Data, error){}}
	register[DashboardOpened](r)
	register[AccountsLinked](r)
	register[AccountsUnlinked](r)
	register[DashboardUsersChanged](r)
	register[DashboardSettingsChanged](r)
	register[DashboardsImported](r)
	register[AccountRead](r)
	register[PostRead](r)
	register[PostRegistered](r)
	register[AccountErased](r)
	register[DirectoryAccount](r)
	register[DirectoryUser](r)
	register[DirectoryOrder](r)
	register[DirectorySession](r)
	register[DirectoryMember](r)
	register[DirectoryConnection](r)
	register[DirectoryDefaultAccount](r)
	register[DirectorySocialAccount](r)
	register[DirectoryPlannedPost](r)
	register[DirectorySubscription](r)
	register[DirectoryCategory](r)
	register[PostContent](r)
	register[ParkedSkipped](r)
	register[ConnectionStateChanged](r)
	register[ConnectLinkChanged](r)
	register[DataImported](r)
	register[ProjectionPaused](r)
	register[ProjectionResumed](r)
	register[AuditRead](r)
	register[AuditExported](r)
	register[PersonErased](r)
	register[OperatorActed](r)
	register[OperatorFinished](r)
	register[CheckpointSigned](r)
	return r
}

// validator is implemented by payloads with invariants beyond their JSON shape.
type validator interface{ Validate() error }

func validate(data Data) error {
	if v, ok := data.(validator); ok {
		return v.Validate()
	}
	return nil
}

func register[T Data](r *Registry) {
	var zero T
	r.decoders[zero.EventType()] = func(raw []byte) (Data, error) {
		var v T
		err := jsonv2.Unmarshal(raw, &v)
		if wrong, ok := errors.AsType[*jsonv2.SemanticError](err); ok { // its pointer names a field, never a value
			return nil, fmt.Errorf("%s: %w", wrong.JSONPointer, err)
		}
		if err != nil {
			return nil, err
		}
		data := Data(v)
		return data, validate(data)
	}
}

// Without returns a registry that does not know the given types, like that of an older binary. A
// newer binary must fold what such a binary parked as unknown.
func (r *Registry) Without(types ...string) *Registry {
	older := &Registry{decoders: maps.Clone(r.decoders)}
	for _, name := range types {
		delete(older.decoders, name)
	}
	return older
}

// Types returns all registered types, sorted.
func (r *Registry) Types() []string {
	return slices.Sorted(maps.Keys(r.decoders))
}

// Knows reports whether this binary can decode events of the type.
func (r *Registry) Knows(eventType string) bool {
	_, ok := r.decoders[eventType]
	return ok
}

// Encode returns the validated payload of an event. [Registry.Decode] decodes what it returns to
// the same struct.
func (r *Registry) Encode(data Data) ([]byte, error) {
	name := data.EventType()
	if !r.Knows(name) {
		return nil, fmt.Errorf("%w %q", ErrUnknownType, name)
	}
	if err := validate(data); err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	if hasEscapedNUL(raw) {
		return nil, fmt.Errorf("encode %s: payload contains a NUL character", name)
	}
	if bytes.Contains(raw, []byte(`\ufffd`)) { // a text was not UTF-8, and the encoded form is longer than the validated one
		_, err = r.Decode(name, raw)
	}
	return raw, err
}

// Decode decodes a payload. It refuses what PostgreSQL cannot store (invalid UTF-8, a NUL
// character), so that such a record is parked as undecodable instead of failing when its rows are
// written. For an unknown type the error wraps [ErrUnknownType].
func (r *Registry) Decode(eventType string, raw []byte) (Data, error) {
	decode, ok := r.decoders[eventType]
	if !ok {
		return nil, fmt.Errorf("%w %q", ErrUnknownType, eventType)
	}
	if bytes.Contains(raw, []byte{0}) || hasEscapedNUL(raw) {
		return nil, fmt.Errorf("decode %s: payload contains a NUL character", eventType)
	}
	data, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", eventType, err)
	}
	return data, nil
}

// hasEscapedNUL finds \u0000 that is not itself escaped (\\u0000 is a harmless backslash followed
// by text).
func hasEscapedNUL(raw []byte) bool {
	return bytes.Contains(raw, []byte(`\u0000`)) && escapedNUL.Match(raw)
}

var escapedNUL = regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\\u0000`)
