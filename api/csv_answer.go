package api

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
)

// csvRows writes the rows of an answer.
type csvRows struct {
	plan csvPlan
	pick string // one table; "": all of them
	out  *csvWriter

	header []string
	places map[string]int // of columns in the header
	line   []string       // of the row that is being written: an answer may have a hundred thousand
}

// csvOf lays an answer out as CSV: all tables, or the one picked.
func csvOf(plan csvPlan, data any, pick string) ([]byte, error) {
	var out bytes.Buffer
	rows := &csvRows{plan: plan, pick: pick, places: map[string]int{}}
	rows.head()
	rows.out, rows.line = newCSVWriter(&out, rows.header), make([]string, len(rows.header))
	if err := rows.root(reflect.ValueOf(data)); err != nil {
		return nil, err
	}
	err := rows.out.flush()
	return out.Bytes(), err
}

// firstLine names the columns of all tables.
func (p *csvPlan) firstLine() string {
	rows := &csvRows{plan: *p, places: map[string]int{}}
	rows.head()
	return strings.Join(rows.header, ",")
}

func (r *csvRows) several() bool { return r.pick == "" && len(r.plan.tables) > 1 }

// head places the columns: those of a table that is picked with its parents', or of all tables.
func (r *csvRows) head() {
	if r.several() {
		r.header = append(r.header, "table")
	}
	for _, t := range r.plan.tables {
		if r.pick != "" && !r.plan.shows(t, r.pick) {
			continue
		}
		for _, c := range t.columns {
			r.places[c.name] = len(r.header)
			r.header = append(r.header, c.name)
		}
	}
}

// shows tells whether the picked table has the columns of t: its own, and those of the elements that it
// stands in. What stands in no list is not repeated on every row.
func (p *csvPlan) shows(t *csvTable, picked string) bool {
	i := slices.IndexFunc(p.tables, func(t *csvTable) bool { return t.name == picked })
	for at := p.tables[i]; at != nil; at = at.parent {
		if at == t {
			return at.name == picked || at.parent != nil || p.list
		}
	}
	return false
}

func (r *csvRows) root(data reflect.Value) error {
	if !r.plan.list {
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
func (r *csvRows) element(t *csvTable, element reflect.Value) error {
	for _, c := range t.columns {
		text, err := cellAt(element, c)
		if err != nil {
			return err
		}
		if place, shown := r.places[c.name]; shown {
			r.line[place] = text
		}
	}
	if len(t.columns) > 0 && (r.pick == "" || r.pick == t.name) {
		if r.several() {
			r.line[0] = t.name
		}
		if err := r.out.row(r.line); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
	}
	if t.parent == nil && !r.plan.list { // what stands in no list is not repeated on every row
		r.clear(t)
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
	r.clear(t)
	return nil
}

// clear empties the cells of a table's columns.
func (r *csvRows) clear(t *csvTable) {
	for _, c := range t.columns {
		if place, shown := r.places[c.name]; shown {
			r.line[place] = ""
		}
	}
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

// cellAt is a column of an element as a cell; what JSON leaves out is empty, as null is.
func cellAt(element reflect.Value, c csvColumn) (string, error) {
	v, ok := at(element, c.index)
	if !ok || c.optional && v.IsZero() {
		return "", nil
	}
	return cellOf(v)
}

// headCSV sets the headers of a table. The cursor of the next page goes into a Link, relative to the request,
// because CSV has no place for it.
func headCSV(header http.Header, r *http.Request, nextCursor string) {
	header.Set("Content-Type", mediaCSV+"; charset=utf-8; header=present")
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(routePattern(r), "/auth"), "/"), "/{")
	header.Set(headerDisposition, fmt.Sprintf(`attachment; filename="%s.csv"`, path.Base(name)))
	if nextCursor != "" {
		query := r.URL.Query()
		query.Set("cursor", nextCursor)
		header.Set(headerLink, fmt.Sprintf(`<?%s>; rel="next"`, query.Encode()))
	}
}
