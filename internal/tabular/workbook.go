package tabular

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// Limits of the format.
const (
	// MaxRows is the number of rows of a sheet after the row with the names of the columns.
	MaxRows      = excelize.TotalRows - 1
	maxText      = excelize.TotalCellChars // UTF-16 units of a text; the library would cut silently
	maxSheetName = excelize.MaxSheetNameLength
	exactDigits  = 15 // of a number
)

// Workbook is a file in the format of Excel (.xlsx) for people. Cells have types, so that the file
// reads alike in every locale, and no text is a formula. Times are in one zone, ids are texts, and
// the last sheet tells what the file contains. Close it.
type Workbook struct {
	file  *excelize.File
	zone  *time.Location
	about []fact

	bold, date, instant, whole, decimal int // styles

	shortened int // texts that were longer than a cell
}

type fact struct {
	name  string
	value any
}

// NewWorkbook returns a workbook with times in zone.
func NewWorkbook(zone *time.Location) (*Workbook, error) {
	b := &Workbook{file: excelize.NewFile(), zone: zone}
	// The numbers are formats that every reader has in its own locale.
	for style, format := range map[*int]excelize.Style{
		&b.bold: {Font: &excelize.Font{Bold: true}}, &b.date: {NumFmt: 14}, &b.instant: {NumFmt: 22},
		&b.whole: {NumFmt: 3}, &b.decimal: {NumFmt: 4},
	} {
		id, err := b.file.NewStyle(&format)
		if err != nil {
			return nil, fmt.Errorf("create style: %w", err)
		}
		*style = id
	}
	return b, nil
}

// Close deletes large sheets, which are on disk.
func (w *Workbook) Close() { _ = w.file.Close() }

// About adds a line to the last sheet. A zero time is left out.
func (w *Workbook) About(name string, value any) {
	if at, isTime := value.(time.Time); !isTime || !at.IsZero() {
		w.about = append(w.about, fact{name, value})
	}
}

// Sheet is one table of a workbook.
type Sheet struct {
	book   *Workbook
	out    *excelize.StreamWriter
	kinds  []kind // by column
	number int    // of the last row
}

// kind is what the name of a column says about its values.
type kind int

const (
	plain kind = iota
	ids        // texts, also if they are numbers
	days       // texts that are dates
)

func kindOf(column string) kind {
	name := column[strings.LastIndexByte(column, '.')+1:]
	switch {
	case name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids"):
		return ids
	case slices.Contains([]string{"day", "from", "to", "ends_on", "gained_since", "period"}, name):
		return days
	}
	return plain
}

// Labels are names of columns for people; other names are made of those of the API.
type Labels map[string]string

// Sheet starts a sheet. Rows follow before the next one starts. Columns of times are named; their
// headings name the zone.
func (w *Workbook) Sheet(name string, columns, times []string, labels Labels) (*Sheet, error) {
	s, err := w.sheet(sheetName(name))
	if err != nil {
		return nil, err
	}
	if err := s.out.SetColWidth(1, len(columns), 18); err != nil {
		return nil, fmt.Errorf("set width: %w", err)
	}
	frozen := excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
	if err := s.out.SetPanes(&frozen); err != nil {
		return nil, fmt.Errorf("freeze first row: %w", err)
	}
	headings := make([]any, len(columns))
	common := commonPath(columns)
	for i, column := range columns {
		path := strings.TrimPrefix(column, common)
		s.kinds = append(s.kinds, kindOf(column))
		label, known := labels[path]
		if !known {
			label = heading(path)
		}
		if strings.HasSuffix("."+path, ".day") || slices.Contains(times, column) {
			label += " (" + w.zone.String() + ")"
		}
		headings[i] = excelize.Cell{StyleID: w.bold, Value: label}
	}
	return s, s.cells(headings)
}

func (w *Workbook) sheet(name string) (*Sheet, error) {
	if _, err := w.file.NewSheet(name); err != nil {
		return nil, fmt.Errorf("create sheet %s: %w", name, err)
	}
	out, err := w.file.NewStreamWriter(name)
	if err != nil {
		return nil, fmt.Errorf("create sheet %s: %w", name, err)
	}
	return &Sheet{book: w, out: out}, nil
}

// Row writes a row.
func (s *Sheet) Row(values ...any) error { return s.row(valuesOf(values)) }

func (s *Sheet) row(line []reflect.Value) error {
	cells := make([]any, len(line))
	for i, v := range line {
		cell, err := s.book.cell(v, s.kinds[i])
		if err != nil {
			return err
		}
		cells[i] = cell
	}
	return s.cells(cells)
}

func (s *Sheet) cells(cells []any) error {
	s.number++
	if err := s.out.SetRow(fmt.Sprintf("A%d", s.number), cells); err != nil {
		return fmt.Errorf("write row: %w", err)
	}
	return nil
}

// End completes the sheet.
func (s *Sheet) End() error {
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write sheet: %w", err)
	}
	return nil
}

// Add adds tables of a response of the plan's type: all, or the selected one.
func (p *Plan) Add(b *Workbook, data any, pick string, labels func(table string) Labels) error {
	for _, t := range p.tables {
		if pick != "" && pick != t.name {
			continue
		}
		header, _ := p.layout(t.name)
		s, err := b.Sheet(t.name, header, p.times(t.name), labels(t.name))
		if err != nil {
			return err
		}
		if err := p.visit(data, t.name, s.row); err != nil {
			return err
		}
		if err := s.End(); err != nil {
			return err
		}
	}
	return nil
}

// Write completes the workbook and writes it. The last sheet contains what was added by
// [Workbook.About], and the tables of the plan.
func (w *Workbook) Write(out io.Writer, plan *Plan, data any) error {
	s, err := w.sheet("About")
	if err != nil {
		return err
	}
	if err := s.out.SetColWidth(1, 12, 24); err != nil {
		return fmt.Errorf("set width: %w", err)
	}
	if w.shortened > 0 {
		w.About("Shortened texts", fmt.Sprintf("%d. A cell holds %d characters; CSV and JSON have the whole texts.", w.shortened, maxText))
	}
	for _, f := range w.about {
		cell, err := w.cell(reflect.ValueOf(f.value), days)
		if err != nil {
			return err
		}
		if err := s.cells([]any{excelize.Cell{StyleID: w.bold, Value: f.name}, cell}); err != nil {
			return err
		}
	}
	if plan != nil {
		header, _ := plan.layout(Root)
		headings := make([]any, len(header))
		for i, name := range header {
			headings[i] = excelize.Cell{StyleID: w.bold, Value: heading(name)}
			s.kinds = append(s.kinds, kindOf(name))
		}
		s.number++
		if err := s.cells(headings); err != nil {
			return err
		}
		if err := plan.visit(data, Root, s.row); err != nil {
			return err
		}
	}
	if err := s.End(); err != nil {
		return err
	}
	if err := w.file.DeleteSheet("Sheet1"); err != nil { // every new file has it
		return fmt.Errorf("delete first sheet: %w", err)
	}
	w.file.SetActiveSheet(0)
	if err := w.file.Write(out); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

// cell returns the cell of a value.
func (w *Workbook) cell(v reflect.Value, of kind) (any, error) {
	v, text, isText := textOf(v)
	switch {
	case !v.IsValid() || isText && text == "":
		return nil, nil
	case isText:
		if day, err := time.Parse(time.DateOnly, text); of == days && err == nil {
			return excelize.Cell{StyleID: w.date, Value: serial(day)}, nil
		}
		return w.text(text), nil
	}
	if at, ok := reflect.TypeAssert[time.Time](v); ok {
		return excelize.Cell{StyleID: w.instant, Value: serial(at.In(w.zone))}, nil
	}
	raw, err := json.Marshal(v.Interface())
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode cell: %w", err)
	case v.Kind() == reflect.Bool:
		return v.Bool(), nil
	case v.CanInt() && (of == ids || len(raw) > exactDigits):
		return string(raw), nil
	case v.CanInt():
		return excelize.Cell{StyleID: w.whole, Value: v.Int()}, nil
	case v.CanFloat():
		return excelize.Cell{StyleID: w.decimal, Value: v.Float()}, nil
	case string(raw) == "null":
		return nil, nil
	}
	return w.text(string(raw)), nil
}

// text cuts a text that is longer than a cell, and says so.
func (w *Workbook) text(text string) string {
	if len(text) <= maxText { // a UTF-16 unit has at least one byte
		return text
	}
	units := utf16.Encode([]rune(text))
	if len(units) <= maxText {
		return text
	}
	w.shortened++
	note := fmt.Sprintf(" … [shortened: %d characters]", len(units))
	return strings.TrimRight(string(utf16.Decode(units[:maxText-len(note)])), "\uFFFD") + note
}

// serial returns a wall-clock time as the number of days that spreadsheets store.
func serial(at time.Time) float64 {
	wall := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	return float64(wall.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC))/time.Microsecond) / float64(24*time.Hour/time.Microsecond)
}

// commonPath returns the longest path, with its last dot, with which all names begin.
func commonPath(names []string) string {
	common := names[0][:strings.LastIndexByte(names[0], '.')+1]
	for _, name := range names[1:] {
		for !strings.HasPrefix(name, common) {
			common = common[:strings.LastIndexByte(common[:len(common)-1], '.')+1]
		}
	}
	return common
}

var words = strings.NewReplacer(
	"_pct.", " (%) ", "_minor.", " (minor units) ", ".p_id.", " platform id ", ".c_id.", " category id ", ".", " ", "_", " ",
)

// heading returns the name of a column for people.
func heading(path string) string {
	text := strings.TrimSpace(words.Replace("." + path + "."))
	return strings.ToUpper(text[:1]) + text[1:]
}

// sheetName shortens the name of a table to the 31 letters that a sheet's name may have: without its
// first part and, if it is still longer, without those before the last.
func sheetName(table string) string {
	parts := strings.Split(table, ".")
	for first := true; len(strings.Join(parts, ".")) > maxSheetName; first = false {
		if first {
			parts = parts[1:]
		} else {
			parts = slices.Delete(parts, len(parts)-2, len(parts)-1)
		}
	}
	return strings.Join(parts, ".")
}
