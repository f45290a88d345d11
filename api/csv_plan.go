package api

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// csvTable is one table of an answer as CSV: the elements of one list, or what stands in no list.
type csvTable struct {
	// name is the path of the list; [csvRoot] for what stands in no list.
	name string
	// columns are the scalars of an element, by path; its parents' come before them in a row.
	columns []csvColumn
	lists   []csvList // lists of objects in an element
	parent  *csvTable
}

// csvColumn is a scalar: its path, where it is found in an element, and whether JSON leaves it out when it is zero.
type csvColumn struct {
	name     string
	index    []int
	optional bool
}

// csvList is a list of objects in an element.
type csvList struct {
	index []int
	table *csvTable
}

const csvRoot = "data"

// csvPlan is how an answer of a type is laid out as CSV. The rule, as the API document states it: a row
// for each element of each list of objects; objects in an element are flattened, so that columns are
// paths; a row begins with the scalars of the elements that it stands in.
type csvPlan struct {
	root   *csvTable
	tables []*csvTable // those with columns, outer ones first
	list   bool        // the answer is itself a list
}

func newCSVPlan(data reflect.Type) csvPlan {
	plan := csvPlan{root: &csvTable{name: csvRoot}}
	if plan.list = data.Kind() == reflect.Slice; plan.list {
		data = data.Elem()
	}
	plan.add(plan.root, data, "", nil)
	plan.collect(plan.root)
	return plan
}

// add lays out the members of an object that stands at path in an element of the table.
func (p *csvPlan) add(t *csvTable, object reflect.Type, path string, index []int) {
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
			inner := &csvTable{name: inside, parent: t}
			t.lists = append(t.lists, csvList{at, inner})
			p.add(inner, element, inside, nil)
		case element != nil:
			p.add(t, element, inside, at)
		default:
			t.columns = append(t.columns, csvColumn{inside, at, strings.HasPrefix(options, "omit")})
		}
	}
}

func (p *csvPlan) collect(t *csvTable) {
	if len(t.columns) > 0 {
		p.tables = append(p.tables, t)
	}
	for _, l := range t.lists {
		p.collect(l.table)
	}
}

// names are the tables that ?table= may pick.
func (p *csvPlan) names() []string {
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
