package apidoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/domain"
)

// schemas creates the schemas of Go types as encoding/json encodes them. Named structs become
// components.
type schemas struct {
	source     source
	components openapi3.Schemas
	types      map[string]reflect.Type // of the components, by name
	taken      bool                    // whether the values are also received: null then means absent
	faults     []error
}

func newSchemas(root string) *schemas {
	return &schemas{
		source:     source{root, map[string]bool{}, map[string]declared{}, map[string]string{}},
		components: openapi3.Schemas{}, types: map[string]reflect.Type{},
	}
}

// err returns the errors of all calls, joined.
func (s *schemas) err() error { return errors.Join(s.faults...) }

func (s *schemas) faultf(format string, args ...any) {
	s.faults = append(s.faults, fmt.Errorf(format, args...))
}

func (s *schemas) declared(t reflect.Type) declared {
	d, err := s.source.of(t)
	if err != nil {
		s.faults = append(s.faults, err)
	}
	return d
}

func typed(names ...string) *openapi3.SchemaRef {
	types := openapi3.Types(names)
	return openapi3.NewSchemaRef("", &openapi3.Schema{Type: &types})
}

func formatted(name, format string) *openapi3.SchemaRef {
	s := typed(name)
	s.Value.Format = format
	return s
}

// of returns the schema of a type. Only pointers and optional texts can be null; an empty list is
// [].
func (s *schemas) of(t reflect.Type) *openapi3.SchemaRef {
	switch t {
	case reflect.TypeFor[time.Time]():
		return formatted("string", "date-time")
	case reflect.TypeFor[domain.OptionalText]():
		return nullable(typed("string"))
	case reflect.TypeFor[json.RawMessage]():
		return openapi3.NewSchemaRef("", &openapi3.Schema{})
	}
	switch t.Kind() { //nolint:exhaustive // the default reports other kinds
	case reflect.Pointer:
		return nullable(s.of(t.Elem()))
	case reflect.Struct:
		return s.component(t)
	case reflect.Slice:
		list := typed("array")
		list.Value.Items = s.of(t.Elem())
		return list
	case reflect.Map:
		object := typed("object")
		object.Value.AdditionalProperties.Schema = s.of(t.Elem())
		return object
	case reflect.String:
		return s.enumerated(t, typed("string"))
	case reflect.Bool:
		return typed("boolean")
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		return s.enumerated(t, formatted("integer", "int64"))
	case reflect.Float64:
		return formatted("number", "double")
	default:
		s.faultf("type %s is used in a response and has no schema", t)
		return typed("object")
	}
}

func nullable(s *openapi3.SchemaRef) *openapi3.SchemaRef {
	if s.Ref != "" {
		return openapi3.NewSchemaRef("", &openapi3.Schema{OneOf: openapi3.SchemaRefs{s, typed("null")}})
	}
	*s.Value.Type = append(*s.Value.Type, "null")
	if s.Value.Enum != nil {
		s.Value.Enum = append(s.Value.Enum, nil)
	}
	return s
}

// enumerated adds the constants of a type of this module as the only values. It uses only the first
// sentence of the type's comment; the rest is for developers of the program.
func (s *schemas) enumerated(t reflect.Type, base *openapi3.SchemaRef) *openapi3.SchemaRef {
	if t.PkgPath() == "" {
		return base
	}
	d := s.declared(t)
	what, _, _ := strings.Cut(withoutName(t.Name(), d.text), ". ")
	base.Value.Enum, base.Value.Description = slices.Clone(d.values), strings.TrimSpace(sentence(what)+"\n"+d.listed)
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if known, ok := s.types[name]; len(d.values) == 0 || ok && known != t {
		return base
	}
	s.types[name], s.components[name] = t, base
	return openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
}

// component returns a reference to the component of a struct.
func (s *schemas) component(t reflect.Type) *openapi3.SchemaRef {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	ref := openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
	if known, ok := s.types[name]; ok {
		if known != t {
			s.faultf("%s and %s have the same name in the API document: rename one", known, t)
		}
		return ref
	}
	s.types[name] = t // before its members: a type may contain itself
	whole, own := &openapi3.SchemaRef{Value: &openapi3.Schema{}}, typed("object")
	own.Value.Properties = openapi3.Schemas{}
	s.addMembers(own.Value, t, &whole.Value.AllOf)
	if properties := own.Value.Properties; properties["_id"] != nil && properties["id"] != nil {
		// ogen makes ID of both names.
		own.Value.Extensions = map[string]any{"x-ogen-properties": map[string]any{"_id": map[string]string{"name": "DocumentID"}}}
	}
	switch {
	case whole.Value.AllOf == nil:
		whole = own
	case len(own.Value.Properties) > 0:
		whole.Value.AllOf = append(whole.Value.AllOf, own)
	}
	whole.Value.Description = withoutName(t.Name(), s.declared(t).text)
	s.components[name] = whole
	return ref
}

// addMembers adds the fields of a struct, as encoding/json encodes it. Structs embedded in it become
// parts, except in bodies, which refuse unknown members.
func (s *schemas) addMembers(object *openapi3.Schema, t reflect.Type, parts *openapi3.SchemaRefs) {
	comments := s.declared(t).fields
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && s.taken:
			s.addMembers(object, field.Type, parts)
			continue
		case field.Anonymous && name == "":
			*parts = append(*parts, s.component(field.Type))
			continue
		case name == "-", !field.IsExported():
			continue
		case name == "":
			name = field.Name
		}
		text := withoutName(field.Name, comments[field.Name])
		if rest, ok := strings.CutPrefix(text, field.Name+", "); ok {
			text = "`" + name + "`, " + rest
		}
		omitted := strings.Contains(options, "omit")
		kind := field.Type
		if omitted && !s.taken && kind.Kind() == reflect.Pointer {
			kind = kind.Elem() // it is absent instead of null
		}
		schema := s.of(kind)
		schema = s.constrained(schema, field.Tag, text)
		if text == "" && s.resolved(schema).Description == "" {
			s.faultf("%s.%s has no comment: say what it means", t, field.Name)
		}
		object.Properties[name] = s.describe(sentence(text), schema)
		if !omitted {
			object.Required = append(object.Required, name)
		}
	}
}

// resolved returns a schema or the component that it refers to.
func (s *schemas) resolved(schema *openapi3.SchemaRef) *openapi3.Schema {
	if name, isRef := strings.CutPrefix(schema.Ref, "#/components/schemas/"); isRef {
		return s.components[name].Value
	}
	return schema.Value
}

// wordsOf returns the allowed values of a string.
func wordsOf(words []string) (values []any) {
	for _, word := range words {
		values = append(values, word)
	}
	return values
}

// constrained returns the schema of a member with the values and the format that its tags and its
// description tell.
func (s *schemas) constrained(schema *openapi3.SchemaRef, tag reflect.StructTag, text string) *openapi3.SchemaRef {
	words := strings.Fields(strings.ReplaceAll(placeholders.Replace(tag.Get("words")), ",", ""))
	if len(words) > 0 {
		if schema.Ref != "" {
			schema = typed("string")
		}
		schema.Value.Enum = wordsOf(words)
		if schema.Value.Type.Includes("null") {
			schema.Value.Enum = append(schema.Value.Enum, nil)
		}
	}
	if format := tag.Get("format"); format != "" {
		s.format(schema, format)
	}
	if strings.Contains(text, "YYYY-MM-DD") && schema.Ref == "" && schema.Value.Type.Is("string") {
		schema.Value.Format = "date"
	}
	return schema
}

// describe adds a description, if it is not empty, to a schema.
func (s *schemas) describe(text string, schema *openapi3.SchemaRef) *openapi3.SchemaRef {
	switch {
	case text == "":
		return schema
	case schema.Ref == "":
		schema.Value.Description = text
		return schema
	}
	// JSON Schema allows a description next to a reference, but the library's types have one only
	// after decoding.
	beside := new(openapi3.SchemaRef)
	raw, err := json.Marshal(map[string]string{"$ref": schema.Ref, "description": text})
	if err == nil {
		err = json.Unmarshal(raw, beside)
	}
	if err != nil {
		s.faultf("describe %s: %w", schema.Ref, err)
	}
	return beside
}

// enveloped returns the schema of the envelope around data.
func (s *schemas) enveloped(data, meta reflect.Type) *openapi3.SchemaRef {
	object := typed("object")
	object.Value.Required = []string{"data"}
	object.Value.Properties = openapi3.Schemas{"data": s.of(data)}
	if meta != nil {
		object.Value.Required = append(object.Value.Required, "meta")
		object.Value.Properties["meta"] = s.of(meta)
	}
	return openapi3.NewSchemaRef("", &openapi3.Schema{AllOf: openapi3.SchemaRefs{
		openapi3.NewSchemaRef("#/components/schemas/Success", nil), object,
	}})
}

// addEnvelope adds the schema of the members that every envelope has.
func (s *schemas) addEnvelope() {
	success, message, envelope := typed("boolean"), typed("string"), typed("object")
	success.Value.Description, success.Value.Enum = "Always true here.", []any{true}
	message.Value.Description, message.Value.Enum = "Always SUCCESS here.", []any{"SUCCESS"}
	envelope.Value.Description = "The members of every response that is not an error, besides its data."
	envelope.Value.Properties = openapi3.Schemas{"success": success, "message": message}
	envelope.Value.Required = []string{"success", "message"}
	s.components["Success"] = envelope
}
