package legacy

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csv reads a header line and one row per record. Quoted fields may contain newlines.
func (r reader) csv(skipped int) {
	limited := &lineCounter{in: r.in}
	records := csv.NewReader(limited)
	records.Comma = separatorOf(r.in)
	records.FieldsPerRecord = -1 // rows of another width are refused below, with a reason
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

// separatorOf returns the separator of the header: spreadsheets separate by semicolons if the comma
// is the decimal separator, database tools by tabs.
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
