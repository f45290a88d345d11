package legacy

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"unicode/utf8"
)

func (r reader) csv(skipped int) {
	limited := &lineCounter{in: r.in}
	records := csv.NewReader(limited)
	records.Comma = separatorOf(r.in)
	records.FieldsPerRecord = -1 // record refuses rows of another width, with a reason
	columns, err := records.Read()
	if err != nil {
		r.bad(skipped+1, errors.New("has no header line with the column names"))
		return
	}
	for last, more := skipped+1, true; more; {
		limited.row = records.InputOffset()
		fields, err := records.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errTooLong):
			r.bad(last+1, errTooLong)
			return
		case errors.As(err, &syntax):
			last = skipped + syntax.Line
			more = r.bad(skipped+syntax.StartLine, fmt.Errorf("is not CSV: %w", syntax.Err))
		case err != nil:
			r.yield(nil, fmt.Errorf("read CSV after line %d: %w", last, err))
			return
		default:
			line, _ := records.FieldPos(0)
			last = skipped + line
			more = r.record(last, columns, fields)
		}
	}
}

func (r reader) record(line int, columns, fields []string) bool {
	if len(fields) != len(columns) {
		return r.bad(line, fmt.Errorf("has %d fields, but the header has %d columns", len(fields), len(columns)))
	}
	return r.row(line, func(yield func(string, any) bool) {
		for i, column := range columns {
			var value any
			switch strings.TrimSpace(fields[i]) {
			case "", "NULL", `\N`, "null":
			default:
				value = fields[i]
			}
			if !yield(column, value) {
				return
			}
		}
	})
}

// separatorOf returns the separator of the header. Spreadsheets use semicolons if the comma is the
// decimal separator; database tools use tabs.
func separatorOf(in *bufio.Reader) rune {
	head, _ := in.Peek(4 << 10)
	head, _, _ = bytes.Cut(head, []byte{'\n'})
	best, most := ',', bytes.Count(head, []byte{','})
	for _, other := range []rune{';', '\t'} {
		if n := bytes.Count(head, []byte(string(other))); n > most {
			best, most = other, n
		}
	}
	return best
}

// array reads the objects of one JSON array on one or more lines, the format of mongoexport
// --jsonArray.
func (r reader) array(skipped int) {
	counted := &lineCounter{in: r.in, line: skipped + 1}
	decoder := json.NewDecoder(counted)
	_, err := decoder.Token()
	for err == nil && decoder.More() {
		var raw json.RawMessage
		counted.row = decoder.InputOffset()
		err = decoder.Decode(&raw)
		if line := counted.lineAt(decoder.InputOffset() - int64(len(raw))); err == nil && !r.object(line, raw) {
			return
		}
	}
	if err == nil {
		_, err = decoder.Token()
	}
	line := counted.lineAt(decoder.InputOffset())
	var syntax *json.SyntaxError
	switch {
	case err == nil:
	case errors.Is(err, errTooLong):
		r.bad(line, errTooLong)
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		r.bad(line, errors.New("the array is not valid JSON from here on; the rest was not read"))
	default:
		r.yield(nil, fmt.Errorf("read after line %d: %w", line, err))
	}
}

func (r reader) object(line int, raw []byte) bool {
	if !utf8.Valid(raw) {
		return r.bad(line, errNotUTF8)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var fields map[string]any
	err := decoder.Decode(&fields)
	if _, end := decoder.Token(); err != nil || !errors.Is(end, io.EOF) || fields == nil {
		// Do not wrap the decoder's error: it may quote the row, which may contain a token.
		return r.bad(line, errors.New("is not a JSON object"))
	}
	for name, value := range fields {
		fields[name] = plain(value)
	}
	return r.row(line, maps.All(fields))
}

// plain unwraps extended JSON, canonical or relaxed, that represents a single value, such as
// {"$oid":"…"} or {"$date":{"$numberLong":"…"}}. It does not change other objects.
func plain(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for _, name := range []string{
			"$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$uuid", "$symbol",
		} {
			inner, ok := v[name]
			if _, isList := inner.([]any); ok && !isList && len(v) == 1 {
				return plain(inner)
			}
		}
	}
	return v
}

// lineCounter finds the line of an offset in the input, and stops reading a row that is too long.
type lineCounter struct {
	in       io.Reader
	line     int     // number of newlines before the offset, plus one
	newlines []int64 // offsets of later newlines, ascending
	read     int64
	row      int64 // start of the current row
}

func (c *lineCounter) Read(p []byte) (int, error) {
	if c.read-c.row > MaxRow {
		return 0, errTooLong
	}
	n, err := c.in.Read(p)
	for i := range n {
		if p[i] == '\n' {
			c.newlines = append(c.newlines, c.read+int64(i))
		}
	}
	c.read += int64(n)
	return n, err
}

// lineAt returns the line of an offset. Offsets never decrease.
func (c *lineCounter) lineAt(offset int64) int {
	n := 0
	for n < len(c.newlines) && c.newlines[n] < offset {
		n++
	}
	c.line += n
	c.newlines = c.newlines[n:]
	return c.line
}
