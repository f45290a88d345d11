package csvtable

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// table is one table of an answer as CSV: the elements of one list, or the fields outside of lists.
type table struct {
	// name is the path of the list, or [Root] for the fields outside of lists.
	name string
	// columns are the scalars of an element, by path; those of the parents precede them in a row.
	columns []column
	lists   []nested // lists of objects in an element
	parent  *table
}

// column is a scalar: its path, its position in an element, and whether JSON omits it if it is
// zero.
type column struct {
	name     string
	index    []int
	optional bool
}

// nested is a list of objects in an element.
type nested struct {
	index []int
	table *table
}

// Root is the name of the table of the fields outside of lists.
const Root = "data"

// Plan is the CSV layout of an answer type. The rule, as stated in the API document: one row per
// element of each list of objects; objects in an element are flattened, so that columns are paths;
// a row starts with the scalars of the enclosing elements.
type Plan struct {
	root   *table
	tables []*table // those with columns, outer ones first
	isList bool     // the answer itself is a list
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

// add adds the fields of an object at path in an element of the table.
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
			count := options == "omitzero" && field.Type.Kind() == reflect.Int // a count that JSON omits is 0, not unknown
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
