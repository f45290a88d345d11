package csvtable

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Writer writes a table as CSV (RFC 4180, but with LF line endings: with CRLF, Go's writer drops a
// CR inside a cell, and an export must not change data).
type Writer struct {
	out   *csv.Writer // for programs
	sheet io.Writer   // for a spreadsheet; else nil
	width int         // cells per row
}

// New writes the column names and returns a writer for the rows. For a spreadsheet, the file begins
// with a byte order mark, and every text is quoted and protected: see [Writer.text].
func New(out io.Writer, columns []string, spreadsheet bool) *Writer {
	w := &Writer{out: csv.NewWriter(out), width: len(columns)}
	names := columns
	if spreadsheet {
		w.sheet, names = out, make([]string, len(columns))
		for i, name := range columns {
			names[i] = w.text(name)
		}
		names[0] = "\uFEFF" + names[0]
	}
	_ = w.row(names)
	return w
}

// row writes a row of cells that were formatted by [Writer.cell] or [Writer.text].
func (w *Writer) row(cells []string) error {
	if w.sheet == nil {
		return w.out.Write(cells)
	}
	_, err := io.WriteString(w.sheet, strings.Join(cells, ",")+"\n")
	return err
}

// Values writes a row of values, each formatted by [Writer.cell].
func (w *Writer) Values(values ...any) error {
	cells := make([]string, len(values))
	for i, value := range values {
		cell, err := w.cell(reflect.ValueOf(value))
		if err != nil {
			return err
		}
		cells[i] = cell
	}
	return w.row(cells)
}

// Comment writes a row with a text in its first cell. The other cells are empty, so that readers
// that require rows of equal length accept it.
func (w *Writer) Comment(text string) error {
	cells := make([]string, w.width)
	cells[0] = w.text("# " + text)
	return w.row(cells)
}

// Flush writes buffered data and returns the first error of any write.
func (w *Writer) Flush() error {
	w.out.Flush()
	return w.out.Error()
}

// cell formats a value as a cell: null is empty, the elements of a list of scalars are separated
// by spaces, and an object is JSON. Only text is escaped: a negative number starts like a formula
// but is not one.
func (w *Writer) cell(v reflect.Value) (string, error) {
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return w.quoted(t.UTC().Format(time.RFC3339Nano)), nil
	}
	switch v.Kind() { //nolint:exhaustive // the others are formatted as in JSON
	case reflect.Pointer:
		if v.IsNil() {
			return "", nil
		}
		return w.cell(v.Elem())
	case reflect.String:
		return w.text(v.String()), nil
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			break
		}
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return w.text(strings.Join(texts, " ")), nil
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return "", fmt.Errorf("encode cell: %w", err)
	}
	scalar := v.CanInt() || v.CanUint() || v.CanFloat() || v.Kind() == reflect.Bool
	if w.sheet != nil && (!scalar || v.CanInt() && len(raw) > exactDigits) {
		return w.text(string(raw)), nil
	}
	return string(raw), nil
}

// exactDigits is the number of digits that a spreadsheet keeps in a number.
const exactDigits = 15

// months matches words that begin like the name of a month in a language of Western Europe.
const months = `(?:jan|f[eé][bv]|m[aä]r|a[bpv]r|ma[giy]|ju[iln]|giu|lug|a[gu][ogtû]|ao[uû]|se[pt]|o[ckt]t|nov|d[eéi][cz]|ene|gen)\pL*\.?`

var (
	// formula matches where a formula would begin: at the start of a text and, because a reader may
	// split cells at another separator than the comma, after each separator, also after spaces and
	// quotes. Spreadsheets of East Asia read the full-width signs, too.
	formula = regexp.MustCompile(`(^|[;\t\r\n])([ "\x{A0}]*[=+\-@＝＋－＠])`)
	// number matches texts that a spreadsheet would turn into a number, time or date.
	number = regexp.MustCompile(`(?i)^\s*(?:` +
		`[(.,$€£¥+\s-]*\d[\d\s.,:/\\%()$€£¥+-]*(?:e[+-]?\d+|[ap]m?)?|` +
		`\d{1,4}[ ./-]*` + months + `.*|` + months + `[ ./-]*\d.*)\s*$`)
	day = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
)

// text formats a text that users may have chosen, such as a name. An apostrophe precedes what would
// start a formula. For a spreadsheet, all texts are quoted, formulas are searched behind every
// separator, and a text that would become a number or time, such as a long id, starts with an
// apostrophe. A day stays a date.
func (w *Writer) text(text string) string {
	switch {
	case w.sheet != nil:
		text = formula.ReplaceAllString(text, "$1'$2")
		if number.MatchString(text) && !day.MatchString(text) {
			text = "'" + text
		}
	case text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])):
		return "'" + text
	}
	return w.quoted(text)
}

// quoted quotes a text for a spreadsheet. For programs, the CSV writer quotes what needs it.
func (w *Writer) quoted(text string) string {
	if w.sheet == nil || text == "" {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
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
