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

// Writer writes a table (RFC 4180, with LF at the ends of rows: Go's writer with CRLF
// drops a CR inside a cell, and an export changes nothing). The first error stays, and Flush returns it.
type Writer struct {
	out   *csv.Writer
	width int // cells of each row
}

// New writes the names of the columns and returns the writer of the rows.
func New(out io.Writer, columns []string) *Writer {
	w := &Writer{csv.NewWriter(out), len(columns)}
	_ = w.out.Write(columns)
	return w
}

// Row writes a row of finished cells.
func (w *Writer) Row(cells []string) error { return w.out.Write(cells) }

// Values writes a row of values, each as [cellOf] has it.
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

// Comment writes a row that has a text in its first cell and nothing in the others, so that readers who insist on equal
// rows still read it.
func (w *Writer) Comment(text string) error {
	cells := make([]string, w.width)
	cells[0] = "# " + text
	return w.Row(cells)
}

// Flush hands over what is buffered, and returns the first error.
func (w *Writer) Flush() error {
	w.out.Flush()
	return w.out.Error()
}

// cellOf is a value as a cell: null is empty, a list of scalars is separated by spaces, an object is JSON.
// Only texts are made harmless: a negative number begins like a formula and is none.
func cellOf(v reflect.Value) (string, error) {
	if when, ok := reflect.TypeAssert[time.Time](v); ok {
		return when.UTC().Format(time.RFC3339Nano), nil
	}
	switch v.Kind() { //nolint:exhaustive // the others are written as JSON has them
	case reflect.Pointer:
		if v.IsNil() {
			return "", nil
		}
		return cellOf(v.Elem())
	case reflect.String:
		return harmless(v.String()), nil
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			break
		}
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return harmless(strings.Join(texts, " ")), nil
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return "", fmt.Errorf("encode cell: %w", err)
	}
	return string(raw), nil
}

// harmless keeps spreadsheets from taking a cell for a formula: names and request ids are what people
// call themselves and send.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
