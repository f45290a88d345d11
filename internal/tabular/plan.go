package tabular

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// table is one table of a response: the elements of one list, or the fields outside lists.
type table struct {
	// name is the path of the list, or [Root] for the fields outside lists.
	name string
	// columns are the scalars of an element, by path. In a row, those of the parents precede them.
	columns []column
	lists   []nested // lists of objects in an element
	parent  *table
}

// column is a scalar: its path, its field index in an element, whether JSON omits it if it is zero,
// and whether it is a time.
type column struct {
	name     string
	index    []int
	optional bool
	isTime   bool
}

type nested struct {
	index []int
	table *table
}

// Root is the name of the table of the fields outside lists.
const Root = "data"

// Plan is the layout of a response type as tables, as described in the API document. There is one row per
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
			t.columns = append(t.columns, column{
				fieldPath, fieldIndex, strings.HasPrefix(options, "omit") && !count,
				field.Type == reflect.TypeFor[time.Time]() || field.Type == reflect.TypeFor[*time.Time](),
			})
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

// times returns the columns of a table that are times.
func (p *Plan) times(pick string) (names []string) {
	_, offsets := p.layout(pick)
	for t := range offsets {
		for _, c := range t.columns {
			if c.isTime {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// FirstLine returns the header line of all tables.
func (p *Plan) FirstLine() string {
	header, _ := p.layout("")
	return strings.Join(header, ",")
}

func (p *Plan) several(pick string) bool { return pick == "" && len(p.tables) > 1 }

// layout returns the columns of all tables, or the columns of the selected table after those of its
// enclosing elements. Fields outside lists are not repeated in every row.
func (p *Plan) layout(pick string) (header []string, offsets map[*table]int) {
	if p.several(pick) {
		header = append(header, "table")
	}
	enclosing := map[*table]bool{}
	for _, t := range p.tables {
		if t.name == pick {
			for parent := t; parent != nil; parent = parent.parent {
				enclosing[parent] = parent == t || parent.parent != nil || p.isList
			}
		}
	}
	offsets = map[*table]int{}
	for _, t := range p.tables {
		if pick != "" && !enclosing[t] {
			continue
		}
		offsets[t] = len(header)
		for _, c := range t.columns {
			header = append(header, c.name)
		}
	}
	return header, offsets
}

// rows visits the rows of data: of all tables, or of the selected one.
type rows struct {
	plan    *Plan
	pick    string         // name of the selected table; "" for all tables
	offsets map[*table]int // index of the first column of each table in a row
	// line is the current row; reused because a response may have a hundred thousand rows. A value
	// that is absent is the zero Value.
	line  []reflect.Value
	visit func(line []reflect.Value) error
}

// visit calls a function with each row of a response of the plan's type. It must not keep the row.
func (p *Plan) visit(data any, pick string, visit func(line []reflect.Value) error) error {
	header, offsets := p.layout(pick)
	r := &rows{plan: p, pick: pick, offsets: offsets, line: make([]reflect.Value, len(header)), visit: visit}
	if p.isList {
		return r.elements(p.root, reflect.ValueOf(data))
	}
	return r.element(p.root, reflect.ValueOf(data))
}

func (r *rows) elements(t *table, list reflect.Value) error {
	for i := range list.Len() {
		if err := r.element(t, list.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// element visits the row of an element and then the rows of the element's lists, which start with
// the same values. The values stay in the line until then.
func (r *rows) element(t *table, element reflect.Value) error {
	var cells []reflect.Value // of the table in the line; nil if the output does not contain the table
	if offset, shown := r.offsets[t]; shown {
		cells = r.line[offset : offset+len(t.columns)]
		for i, c := range t.columns {
			if v, ok := follow(element, c.index); ok && (!c.optional || !v.IsZero()) {
				cells[i] = v
			}
		}
	}
	if len(t.columns) > 0 && (r.pick == "" || r.pick == t.name) {
		if r.plan.several(r.pick) {
			r.line[0] = reflect.ValueOf(t.name)
		}
		if err := r.visit(r.line); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
	}
	if t.parent == nil && !r.plan.isList { // fields outside lists are not repeated in every row
		clear(cells)
	}
	for _, l := range t.lists {
		if list, ok := follow(element, l.index); ok {
			if err := r.elements(l.table, list); err != nil {
				return err
			}
		}
	}
	clear(cells)
	return nil
}

// follow returns the field with an index. ok is false if an object on the path is null.
func follow(v reflect.Value, index []int) (field reflect.Value, ok bool) {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}
