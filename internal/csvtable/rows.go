package csvtable

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

type rows struct {
	plan *Plan
	pick string // name of the selected table; "" for all tables
	out  *Writer

	offsets map[*table]int // index of the first column of each table in the output
	line    []string       // the current row; reused because a response may have a hundred thousand rows
}

// Write formats a response of the plan's type as CSV, for a spreadsheet or for programs: all tables,
// or the selected one.
func (p *Plan) Write(data any, pick string, spreadsheet bool) ([]byte, error) {
	var out bytes.Buffer
	header, offsets := p.layout(pick)
	r := &rows{plan: p, pick: pick, offsets: offsets, out: New(&out, header, spreadsheet), line: make([]string, len(header))}
	write := r.element
	if p.isList {
		write = r.elements
	}
	if err := write(p.root, reflect.ValueOf(data)); err != nil {
		return nil, err
	}
	err := r.out.Flush()
	return out.Bytes(), err
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

func (r *rows) elements(t *table, list reflect.Value) error {
	for i := range list.Len() {
		if err := r.element(t, list.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// element writes the row of an element and then the rows of the element's lists, which start with
// the same cells. The cells stay in the line until then.
func (r *rows) element(t *table, element reflect.Value) error {
	var cells []string // of the table in the line; nil if the output does not contain the table
	if offset, shown := r.offsets[t]; shown {
		cells = r.line[offset : offset+len(t.columns)]
	}
	for i, c := range t.columns {
		text, err := r.cellAt(element, c)
		if err != nil {
			return err
		}
		if cells != nil {
			cells[i] = text
		}
	}
	if len(t.columns) > 0 && (r.pick == "" || r.pick == t.name) {
		if r.plan.several(r.pick) {
			r.line[0] = r.out.text(t.name)
		}
		if err := r.out.row(r.line); err != nil {
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

// cellAt formats a column of an element as a cell. Fields that JSON omits are empty, like null,
// unless they are counts.
func (r *rows) cellAt(element reflect.Value, c column) (string, error) {
	v, ok := follow(element, c.index)
	if !ok || c.optional && v.IsZero() {
		return "", nil
	}
	return r.out.cell(v)
}
