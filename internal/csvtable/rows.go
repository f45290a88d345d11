package csvtable

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

type rows struct {
	plan *Plan
	pick string // one table; "": all of them
	out  *Writer

	places map[*table]int // of the first column of each table that is shown
	line   []string       // of the row that is being written: an answer may have a hundred thousand
}

// Write lays an answer of the plan's type out as CSV: all tables, or the one picked.
func (p *Plan) Write(data any, pick string) ([]byte, error) {
	var out bytes.Buffer
	header, places := p.layout(pick)
	r := &rows{plan: p, pick: pick, places: places, out: New(&out, header), line: make([]string, len(header))}
	if err := r.root(reflect.ValueOf(data)); err != nil {
		return nil, err
	}
	err := r.out.Flush()
	return out.Bytes(), err
}

// FirstLine names the columns of all tables.
func (p *Plan) FirstLine() string {
	header, _ := p.layout("")
	return strings.Join(header, ",")
}

func (p *Plan) several(pick string) bool { return pick == "" && len(p.tables) > 1 }

// layout places the columns of all tables, or of the one picked behind those of the elements that it stands in. What
// stands in no list is not repeated on every row.
func (p *Plan) layout(pick string) (header []string, places map[*table]int) {
	if p.several(pick) {
		header = append(header, "table")
	}
	around := map[*table]bool{}
	for _, t := range p.tables {
		if t.name == pick {
			for at := t; at != nil; at = at.parent {
				around[at] = at == t || at.parent != nil || p.isList
			}
		}
	}
	places = map[*table]int{}
	for _, t := range p.tables {
		if pick != "" && !around[t] {
			continue
		}
		places[t] = len(header)
		for _, c := range t.columns {
			header = append(header, c.name)
		}
	}
	return header, places
}

// cells are those of a table's columns in the line; none where it is not shown.
func (r *rows) cells(t *table) []string {
	place, shown := r.places[t]
	if !shown {
		return nil
	}
	return r.line[place : place+len(t.columns)]
}

func (r *rows) root(data reflect.Value) error {
	if !r.plan.isList {
		return r.element(r.plan.root, data)
	}
	for i := range data.Len() {
		if err := r.element(r.plan.root, data.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// element writes the row of an element and then those of the lists in it, whose rows begin with its cells. Cells stay in
// the line until the element ends.
func (r *rows) element(t *table, element reflect.Value) error {
	cells := r.cells(t)
	for i, c := range t.columns {
		text, err := cellAt(element, c)
		if err != nil {
			return err
		}
		if cells != nil {
			cells[i] = text
		}
	}
	if len(t.columns) > 0 && (r.pick == "" || r.pick == t.name) {
		if r.plan.several(r.pick) {
			r.line[0] = t.name
		}
		if err := r.out.Row(r.line); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
	}
	if t.parent == nil && !r.plan.isList { // what stands in no list is not repeated on every row
		clear(cells)
	}
	for _, l := range t.lists {
		list, ok := at(element, l.index)
		if !ok {
			continue
		}
		for i := range list.Len() {
			if err := r.element(l.table, list.Index(i)); err != nil {
				return err
			}
		}
	}
	clear(cells)
	return nil
}

// at follows an index; an object that is null on the way has no members.
func at(v reflect.Value, index []int) (reflect.Value, bool) {
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

// cellAt is a column of an element as a cell; what JSON leaves out is empty, as null is, unless it is a count.
func cellAt(element reflect.Value, c column) (string, error) {
	v, ok := at(element, c.index)
	if !ok || c.optional && v.IsZero() {
		return "", nil
	}
	return cellOf(v)
}
