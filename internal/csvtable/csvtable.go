package csvtable

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Writer writes a table as CSV (RFC 4180, but with LF line endings: with CRLF, Go's writer drops a
// CR inside a cell, and an export must not change data).
type Writer struct {
	out   *csv.Writer
	width int // cells per row
}

// New writes the column names and returns a writer for the rows.
func New(out io.Writer, columns []string) *Writer {
	w := &Writer{csv.NewWriter(out), len(columns)}
	_ = w.out.Write(columns)
	return w
}

// Row writes a row of formatted cells.
func (w *Writer) Row(cells []string) error { return w.out.Write(cells) }

// Values writes a row of values, each formatted by [cellOf].
func (w *Writer) Values(values ...any) error {
	cells := make([]string, len(values))
	for i, value := range values {
		cell, err := cellOf(reflect.ValueOf(value))
		if err != nil {
			return err
		}
		cells[i] = cell
	}
	return w.Row(cells)
}

// Comment writes a row with a text in its first cell. The other cells are empty, so that readers
// that require rows of equal length accept it.
func (w *Writer) Comment(text string) error {
	cells := make([]string, w.width)
	cells[0] = "# " + text
	return w.Row(cells)
}

// Flush writes buffered data and returns the first error of any write.
func (w *Writer) Flush() error {
	w.out.Flush()
	return w.out.Error()
}

// cellOf formats a value as a cell: null is empty, the elements of a list of scalars are separated
// by spaces, and an object is JSON. Only text is escaped: a negative number starts like a formula
// but is not one.
func cellOf(v reflect.Value) (string, error) {
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	switch v.Kind() { //nolint:exhaustive // the others are formatted as in JSON
	case reflect.Pointer:
		if v.IsNil() {
			return "", nil
		}
		return cellOf(v.Elem())
	case reflect.String:
		return escape(v.String()), nil
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			break
		}
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return escape(strings.Join(texts, " ")), nil
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return "", fmt.Errorf("encode cell: %w", err)
	}
	return string(raw), nil
}

// escape prefixes text that spreadsheets would read as a formula, because users can choose texts
// such as names and request ids.
func escape(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// table is one table of a response: the elements of one list, or the fields outside lists.
type table struct {
	// name is the path of the list, or [Root] for the fields outside lists.
	name string
	// columns are the scalars of an element, by path. In a row, those of the parents precede them.
	columns []column
	lists   []nested // lists of objects in an element
	parent  *table
}

// column is a scalar: its path, its field index in an element, and whether JSON omits it if it is
// zero.
type column struct {
	name     string
	index    []int
	optional bool
}

type nested struct {
	index []int
	table *table
}

// Root is the name of the table of the fields outside lists.
const Root = "data"

// Plan is the CSV layout of a response type, as described in the API document. There is one row per
// element of each list of objects. Objects in an element are flattened, so columns are paths. A row
// starts with the scalars of the enclosing elements.
type Plan struct {
	root   *table
	tables []*table // those with columns, outer ones first
	isList bool     // whether the response itself is a list
}

// NewPlan returns the plan of a struct, or of a slice of structs, with JSON tags.
func NewPlan(data reflect.Type) *Plan {
	plan := &Plan{root: &table{name: Root}}
	if plan.isList = data.Kind() == reflect.Slice; plan.isList {
		data = data.Elem()
	}
	plan.add(plan.root, data, "", nil)
	plan.collect(plan.root)
	return plan
}

func (p *Plan) add(t *table, object reflect.Type, path string, index []int) {
	for field := range object.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		fieldIndex := append(slices.Clone(index), field.Index...)
		fieldPath := strings.TrimPrefix(path+"."+name, ".")
		element, list := objectsOf(field.Type)
		switch {
		case field.Anonymous && name == "":
			p.add(t, field.Type, path, fieldIndex)
		case name == "-" || name == "" || !field.IsExported():
		case list:
			inner := &table{name: fieldPath, parent: t}
			t.lists = append(t.lists, nested{fieldIndex, inner})
			p.add(inner, element, fieldPath, nil)
		case element != nil:
			p.add(t, element, fieldPath, fieldIndex)
		default:
			// A count that JSON omits is 0, not unknown.
			count := options == "omitzero" && field.Type.Kind() == reflect.Int
			t.columns = append(t.columns, column{fieldPath, fieldIndex, strings.HasPrefix(options, "omit") && !count})
		}
	}
}

func (p *Plan) collect(t *table) {
	if len(t.columns) > 0 {
		p.tables = append(p.tables, t)
	}
	for _, l := range t.lists {
		p.collect(l.table)
	}
}

// Names returns the names of the tables that can be selected.
func (p *Plan) Names() []string {
	names := make([]string, len(p.tables))
	for i, t := range p.tables {
		names[i] = t.name
	}
	return names
}

// objectsOf returns the type of a member's object (more columns), or of the objects in its list
// (more rows); nil means that it is a single cell.
func objectsOf(t reflect.Type) (object reflect.Type, list bool) {
	if list = t.Kind() == reflect.Slice; list || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil, false
	}
	return t, list
}
