package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// schema is a JSON Schema (2020-12) as OpenAPI 3.1 takes it.
type schema struct {
	Ref         string   `json:"$ref,omitempty"`
	Type        any      `json:"type,omitempty"` // a string, or several
	Format      string   `json:"format,omitempty"`
	Description string   `json:"description,omitempty"`
	Properties  *members `json:"properties,omitempty"`
	Required    []string `json:"required,omitempty"`
	Items       *schema  `json:"items,omitempty"`
	OneOf       []schema `json:"oneOf,omitempty"`
	Enum        []any    `json:"enum,omitempty"`
	Const       any      `json:"const,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	Minimum     *int     `json:"minimum,omitempty"`
	Maximum     *int     `json:"maximum,omitempty"`
	Default     any      `json:"default,omitempty"`
	// Additional is what other members an object may have: false for none, a schema for a map.
	Additional any `json:"additionalProperties,omitempty"`
}

const (
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeObject  = "object"
	typeArray   = "array"
	typeNull    = "null"
)

// members are an object's properties in the order of the struct.
type members struct {
	names   []string
	schemas map[string]schema
}

func (m *members) set(name string, s schema) {
	if _, known := m.schemas[name]; !known {
		m.names = append(m.names, name)
	}
	m.schemas[name] = s
}

// MarshalJSON implements [json.Marshaler].
func (m *members) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, name := range m.names {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.schemas[name])
		if err != nil {
			return nil, err
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// schemas makes the schemas of Go types as encoding/json writes them. Named structs become components.
type schemas struct {
	comments   comments
	components *members
	types      map[string]reflect.Type // of the components' names
	faults     []error
}

func newSchemas(c comments) *schemas {
	return &schemas{comments: c, components: &members{schemas: map[string]schema{}}, types: map[string]reflect.Type{}}
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

// of returns the schema of a type. Only a pointer may be null: a list without entries is [].
func (s *schemas) of(t reflect.Type) schema {
	switch t {
	case timeType:
		return schema{Type: typeString, Format: "date-time"}
	case rawType:
		return schema{}
	}
	switch t.Kind() { //nolint:exhaustive // the others stand in no answer, and the default says so
	case reflect.Pointer:
		return nullable(s.of(t.Elem()))
	case reflect.Struct:
		return s.object(t)
	case reflect.Slice:
		items := s.of(t.Elem())
		return schema{Type: typeArray, Items: &items}
	case reflect.Map:
		return schema{Type: typeObject, Additional: s.of(t.Elem())}
	case reflect.String:
		return s.enumerated(t, schema{Type: typeString})
	case reflect.Bool:
		return schema{Type: typeBoolean}
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		return s.enumerated(t, schema{Type: typeInteger, Format: "int64"})
	case reflect.Float64:
		return schema{Type: typeNumber, Format: "double"}
	default:
		s.faults = append(s.faults, fmt.Errorf("type %s stands in an answer and has no schema", t))
		return schema{}
	}
}

func nullable(s schema) schema {
	if s.Ref != "" {
		return schema{OneOf: []schema{s, {Type: typeNull}}}
	}
	if name, ok := s.Type.(string); ok {
		s.Type = []string{name, typeNull}
	}
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
	return s
}

// enumerated adds the constants of a type of this program as the only values.
func (s *schemas) enumerated(t reflect.Type, base schema) schema {
	if t.PkgPath() == "" {
		return base
	}
	base.Enum, base.Description = s.comments.constants(t)
	return base
}

// object returns a reference to the component of a named struct, and an unnamed one in place.
func (s *schemas) object(t reflect.Type) schema {
	if t.Name() == "" {
		return s.properties(t)
	}
	name := componentName(t.Name())
	if known, ok := s.types[name]; ok {
		if known != t {
			s.faults = append(s.faults, fmt.Errorf("%s and %s have one name in the API document: rename one", known, t))
		}
		return schema{Ref: "#/components/schemas/" + name}
	}
	s.types[name] = t
	s.components.set(name, schema{}) // holds its place: a type may contain itself
	whole := s.properties(t)
	whole.Description = s.comments.ofType(t)
	s.components.set(name, whole)
	return schema{Ref: "#/components/schemas/" + name}
}

func componentName(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

func (s *schemas) properties(t reflect.Type) schema {
	o := schema{Type: typeObject, Properties: &members{schemas: map[string]schema{}}}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			s.embed(&o, field.Type)
			continue
		}
		if name == "-" || !field.IsExported() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		member := s.of(field.Type)
		if text := s.textOf(t, field); text != "" {
			member.Description = text
		} else if member.Description == "" {
			member.Description = glossary[name]
		}
		o.Properties.set(name, member)
		if !strings.Contains(options, "omit") {
			o.Required = append(o.Required, name)
		}
	}
	return o
}

// embed takes over the members of an embedded struct, as encoding/json does.
func (s *schemas) embed(o *schema, t reflect.Type) {
	inner := s.properties(t)
	for _, name := range inner.Properties.names {
		o.Properties.set(name, inner.Properties.schemas[name])
	}
	o.Required = append(o.Required, inner.Required...)
}

// textOf is what there is to say of a field beyond its type: its comment; types that are made here carry it in
// a tag; else the comment of another member that names it ("Start are …, End those …").
func (s *schemas) textOf(t reflect.Type, field reflect.StructField) string {
	if text := field.Tag.Get("doc"); text != "" {
		return text
	}
	if text := s.comments.ofField(t, field.Name); text != "" {
		return text
	}
	own := s.comments.members[t.Name()]
	for other := range t.Fields() {
		text := s.comments.ofField(t, other.Name)
		if own[other.Name] != "" && strings.HasPrefix(text, "`"+own[other.Name]+"`") && strings.Contains(text, "`"+own[field.Name]+"`") {
			return text
		}
	}
	return ""
}
