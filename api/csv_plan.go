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
		kind, element := shapeOf(field.Type)
		switch {
		case field.Anonymous && name == "":
			p.add(t, field.Type, path, at)
		case name == "-" || name == "" || !field.IsExported():
		case kind == shapeObject:
			p.add(t, element, join(path, name), at)
		case kind == shapeList:
			inner := &csvTable{name: join(path, name), parent: t}
			t.lists = append(t.lists, csvList{at, inner})
			p.add(inner, element, inner.name, nil)
		default:
			t.columns = append(t.columns, csvColumn{join(path, name), at, strings.HasPrefix(options, "omit")})
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
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

// shape is how a type of a member is laid out.
type shape int

const (
	shapeScalar shape = iota // one cell
	shapeObject              // more columns
	shapeList                // more rows
)

// shapeOf tells the shape and, of an object or a list, the type of the object.
func shapeOf(t reflect.Type) (shape, reflect.Type) {
	isObject := func(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() }
	switch {
	case isObject(t):
		return shapeObject, t
	case t.Kind() == reflect.Pointer && isObject(t.Elem()):
		return shapeObject, t.Elem()
	case t.Kind() == reflect.Slice && isObject(t.Elem()):
		return shapeList, t.Elem()
	default:
		return shapeScalar, nil
	}
}
