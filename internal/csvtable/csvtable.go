package csvtable

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// Writer writes a table (RFC 4180, but with LF line endings: with CRLF, Go's writer drops a CR
// inside a cell, and an export must not change data). It remembers the first error; Flush returns
// it.
type Writer struct {
	out   *csv.Writer
	width int // cells per row
}

// New writes the column names and returns a writer for the rows.
func New(out io.Writer, columns []string) *Writer {
	w := &Writer{csv.NewWriter(out), len(columns)}
	_ = w.out.Write(columns)
	return w
}

// Row writes a row of formatted cells.
func (w *Writer) Row(cells []string) error { return w.out.Write(cells) }

// Values writes a row of values, each formatted by [cellOf].
func (w *Writer) Values(values ...any) error {
	cells := make([]string, len(values))
	for i, value := range values {
		cell, err := cellOf(reflect.ValueOf(value))
		if err != nil {
			return err
		}
		cells[i] = cell
	}
	return w.Row(cells)
}

// Comment writes a row with a text in its first cell and empty other cells, so that readers that
// require equal rows accept it.
func (w *Writer) Comment(text string) error {
	cells := make([]string, w.width)
	cells[0] = "# " + text
	return w.Row(cells)
}

// Flush writes buffered data and returns the first error.
func (w *Writer) Flush() error {
	w.out.Flush()
	return w.out.Error()
}

// cellOf formats a value as a cell: null is empty, a list of scalars is separated by spaces, an
// object is JSON. Only text is escaped: a negative number starts like a formula but is not one.
func cellOf(v reflect.Value) (string, error) {
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	switch v.Kind() { //nolint:exhaustive // the others are formatted as in JSON
	case reflect.Pointer:
		if v.IsNil() {
			return "", nil
		}
		return cellOf(v.Elem())
	case reflect.String:
		return escape(v.String()), nil
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			break
		}
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return escape(strings.Join(texts, " ")), nil
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return "", fmt.Errorf("encode cell: %w", err)
	}
	return string(raw), nil
}

// escape prevents spreadsheets from reading a cell as a formula: people choose names and request
// IDs.
func escape(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
