package tabular

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Lines writes a table as JSON Lines. All lines have the same keys, also those that JSON omits
// elsewhere: programs for tables take the columns from the first lines, and some drop a field that a
// later line is the first to have, without an error.
type Lines struct{ out io.Writer }

// NewLines returns a writer for the rows. It does not buffer.
func NewLines(out io.Writer) Lines { return Lines{out} }

// Row writes a value as a line. In all its objects, a field that JSON would omit is null, a flag is
// false, and a list is empty. Maps have the keys that they have.
func (l Lines) Row(value any) error {
	line, err := appendWhole(nil, reflect.ValueOf(value))
	if err != nil {
		return fmt.Errorf("encode line: %w", err)
	}
	_, err = l.out.Write(append(line, '\n'))
	return err //nolint:wrapcheck // of the destination
}

// appendWhole appends the JSON of a value, with all fields of the structs in it.
func appendWhole(to []byte, v reflect.Value) (_ []byte, err error) {
	object, list := objectsOf(v.Type())
	switch {
	case object == nil, v.Type().Implements(reflect.TypeFor[json.Marshaler]()), v.Kind() != reflect.Struct && v.IsNil():
		raw, err := json.Marshal(v.Interface())
		return append(to, raw...), err
	case list:
		to = append(to, '[')
		for i := range v.Len() {
			if i > 0 {
				to = append(to, ',')
			}
			if to, err = appendWhole(to, v.Index(i)); err != nil {
				return to, err
			}
		}
		return append(to, ']'), nil
	case v.Kind() == reflect.Pointer:
		return appendWhole(to, v.Elem())
	}
	begin := len(to)
	if to, err = appendFields(to, v); err != nil || len(to) == begin {
		return append(to, "{}"...), err
	}
	to[begin] = '{' // instead of the comma before the first field
	return append(to, '}'), nil
}

// appendFields appends the fields of a struct, each after a comma.
func appendFields(to []byte, object reflect.Value) (_ []byte, err error) {
	for field, v := range object.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && v.Kind() != reflect.Struct:
			return to, fmt.Errorf("%s: only structs can be embedded", field.Name)
		case field.Anonymous && name == "":
			if to, err = appendFields(to, v); err != nil {
				return to, err
			}
			continue
		case name == "-" || !field.IsExported():
			continue
		}
		to = append(to, `,"`+cmp.Or(name, field.Name)+`":`...)
		omits, kind := strings.HasPrefix(options, "omit"), v.Kind()
		isZero := kind == reflect.Bool || kind == reflect.Int && options == "omitzero" // also in the other formats
		switch {
		case omits && kind == reflect.Slice && v.Len() == 0 && v.Type() != reflect.TypeFor[json.RawMessage]():
			to = append(to, "[]"...)
		case omits && v.IsZero() && !isZero:
			to = append(to, "null"...)
		default:
			if to, err = appendWhole(to, v); err != nil {
				return to, fmt.Errorf("%s: %w", field.Name, err)
			}
		}
	}
	return to, nil
}
