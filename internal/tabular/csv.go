package tabular

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// CSV writes a table as CSV for programs (RFC 4180, but with LF line endings). It contains the column
// names and the rows, and nothing else.
type CSV struct{ out *bufio.Writer }

// NewCSV writes the column names and returns a writer for the rows.
func NewCSV(out io.Writer, columns []string) CSV {
	w := CSV{bufio.NewWriter(out)}
	_ = w.write(columns)
	return w
}

// CSV formats a response of the plan's type: all tables, or the selected one.
func (p *Plan) CSV(data any, pick string) ([]byte, error) {
	var out bytes.Buffer
	header, _ := p.layout(pick)
	w := NewCSV(&out, header)
	if err := p.visit(data, pick, w.row); err != nil {
		return nil, err
	}
	err := w.Flush()
	return out.Bytes(), err
}

// Row writes a row.
func (c CSV) Row(values ...any) error { return c.row(valuesOf(values)) }

func valuesOf(values []any) []reflect.Value {
	line := make([]reflect.Value, len(values))
	for i, value := range values {
		line[i] = reflect.ValueOf(value)
	}
	return line
}

func (c CSV) row(line []reflect.Value) error {
	cells := make([]string, len(line))
	for i, v := range line {
		cell, err := csvCell(v)
		if err != nil {
			return err
		}
		cells[i] = cell
	}
	return c.write(cells)
}

// write writes a row, with quotation marks around a cell with a semicolon or a tab, too: by default,
// LibreOffice takes each of them as a separator, and the figures after a name with a semicolon would
// move to other columns.
func (c CSV) write(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			_ = c.out.WriteByte(',') // a later write returns the error
		}
		first, _ := utf8.DecodeRuneInString(cell)
		endsCopy := cell == `\.` // PostgreSQL ends reading there
		if strings.ContainsAny(cell, ",;\t\"\r\n") || unicode.IsSpace(first) || endsCopy {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		_, _ = c.out.WriteString(cell)
	}
	return c.out.WriteByte('\n')
}

// Flush writes buffered data and returns the first error of any write.
func (c CSV) Flush() error { return c.out.Flush() }

// csvCell formats a value: null is empty, the elements of a list of scalars are separated by spaces,
// and an object is JSON.
func csvCell(v reflect.Value) (string, error) {
	v, text, isText := textOf(v)
	switch {
	case isText:
		return escaped(text), nil
	case !v.IsValid():
		return "", nil
	}
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return "", fmt.Errorf("encode cell: %w", err)
	}
	return string(raw), nil
}

// textOf follows pointers and returns the text of strings and lists, or the value if it is neither.
// The value is invalid if it is null.
func textOf(v reflect.Value) (value reflect.Value, text string, isText bool) {
	for v.IsValid() && v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.IsValid() && v.Kind() == reflect.String:
		return v, v.String(), true
	case v.IsValid() && v.Kind() == reflect.Slice && v.Type() != reflect.TypeFor[json.RawMessage]():
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return v, strings.Join(texts, " "), true
	}
	return v, "", false
}

// escaped puts an apostrophe in front of a text that a program for tables would run as a formula.
// Users may have chosen it, such as a name. A negative number starts like a formula but is not one.
func escaped(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
