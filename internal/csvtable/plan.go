package csvtable

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// table is one table of an answer as CSV: the elements of one list, or what stands in no list.
type table struct {
	// name is the path of the list; [Root] for what stands in no list.
	name string
	// columns are the scalars of an element, by path; its parents' come before them in a row.
	columns []column
	lists   []nested // lists of objects in an element
	parent  *table
}

// column is a scalar: its path, where it is found in an element, and whether JSON leaves it out when it is zero.
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

// Root is the name of the table of what stands in no list.
const Root = "data"

// Plan is how an answer of a type is laid out as CSV. The rule, as the API document states it: a row
// for each element of each list of objects; objects in an element are flattened, so that columns are
// paths; a row begins with the scalars of the elements that it stands in.
type Plan struct {
	root   *table
	tables []*table // those with columns, outer ones first
	isList bool     // the answer is itself a list
}

// NewPlan is the plan of a struct, or of a slice of structs, with JSON tags.
func NewPlan(data reflect.Type) *Plan {
	plan := &Plan{root: &table{name: Root}}
	if plan.isList = data.Kind() == reflect.Slice; plan.isList {
		data = data.Elem()
	}
	plan.add(plan.root, data, "", nil)
	plan.collect(plan.root)
	return plan
}

// add lays out the members of an object that stands at path in an element of the table.
func (p *Plan) add(t *table, object reflect.Type, path string, index []int) {
	for field := range object.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := append(slices.Clone(index), field.Index...)
		inside := strings.TrimPrefix(path+"."+name, ".")
		element, list := objectsOf(field.Type)
		switch {
		case field.Anonymous && name == "":
			p.add(t, field.Type, path, at)
		case name == "-" || name == "" || !field.IsExported():
		case list:
			inner := &table{name: inside, parent: t}
			t.lists = append(t.lists, nested{at, inner})
			p.add(inner, element, inside, nil)
		case element != nil:
			p.add(t, element, inside, at)
		default:
			count := options == "omitzero" && field.Type.Kind() == reflect.Int // one that JSON leaves out is 0, not unknown
			t.columns = append(t.columns, column{inside, at, strings.HasPrefix(options, "omit") && !count})
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

// Names are the tables that one can be picked of.
func (p *Plan) Names() []string {
	names := make([]string, len(p.tables))
	for i, t := range p.tables {
		names[i] = t.name
	}
	return names
}

// objectsOf returns the type of the object that a member is, more columns, or of those in its list, more rows; nil: it is
// one cell.
func objectsOf(t reflect.Type) (object reflect.Type, list bool) {
	if list = t.Kind() == reflect.Slice; list || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil, false
	}
	return t, list
}
