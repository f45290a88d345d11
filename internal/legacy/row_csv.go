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

// csv reads a header line and a row a record; fields may be quoted and then hold newlines.
func (h Handler) csv(in *bufio.Reader, skipped int) error {
	limited := &lineCounter{in: in}
	reader := csv.NewReader(limited)
	reader.Comma = separatorOf(in)
	reader.FieldsPerRecord = -1 // rows of another width are refused here, with the reason
	columns, err := reader.Read()
	if err != nil {
		return h.Bad(&RowError{skipped + 1, errors.New("has no header line that names the columns")})
	}
	for last := skipped + 1; ; {
		limited.row = reader.InputOffset()
		fields, err := reader.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTooLong):
			return h.Bad(&RowError{last + 1, errTooLong})
		case errors.As(err, &syntax):
			last = skipped + syntax.Line
			err = h.Bad(&RowError{skipped + syntax.StartLine, fmt.Errorf("is not CSV: %w", syntax.Err)})
		case err != nil:
			return fmt.Errorf("read CSV after line %d: %w", last, err)
		default:
			at, _ := reader.FieldPos(0)
			last = skipped + at
			err = h.record(last, columns, fields)
		}
		if err != nil {
			return err
		}
	}
}

func (h Handler) record(line int, columns, fields []string) error {
	if len(fields) != len(columns) {
		return h.Bad(&RowError{line, fmt.Errorf("has %d fields, the header names %d columns", len(fields), len(columns))})
	}
	return h.row(line, func(yield func(string, any) bool) {
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

// separatorOf looks at the header: exports of spreadsheets separate by semicolons where the comma is
// for decimals, those of database tools by tabs.
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
