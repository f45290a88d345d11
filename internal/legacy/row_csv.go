package legacy

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// readCSV reads a header line and a row a record; fields may be quoted and then hold newlines.
func readCSV(in *bufio.Reader, skipped int, h Handler) error {
	limited := &lineCounter{in: in}
	reader := csv.NewReader(limited)
	reader.Comma = separatorOf(in)
	reader.FieldsPerRecord = -1 // rows of another width are refused here, with the reason
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return h.Bad(&RowError{skipped + 1, errors.New("has no header line that names the columns")})
	}
	columns := make([]string, len(header))
	for i, name := range header {
		columns[i] = strings.Clone(name)
	}
	for last := skipped + 1; ; {
		limited.begin(reader.InputOffset())
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, errRowTooLong):
			return h.Bad(&RowError{last + 1, errRowTooLong})
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
	row := newRow(line, h.Zone)
	for i, field := range fields {
		if !utf8.ValidString(field) {
			return h.Bad(&RowError{line, errors.New("is not UTF-8")})
		}
		if !row.put(columns[i], csvValue(strings.Clone(field))) {
			return h.Bad(&RowError{line, fmt.Errorf("column %.40q is there twice", columns[i])})
		}
	}
	return h.Row(row)
}

func csvValue(field string) value {
	switch strings.TrimSpace(field) {
	case "", "NULL", `\N`, "null":
		return value{absent: true}
	default:
		return value{text: field}
	}
}

// separatorOf looks at the header: exports of spreadsheets separate by semicolons where the comma is
// for decimals, those of database tools by tabs.
func separatorOf(in *bufio.Reader) rune {
	head, _ := in.Peek(4 << 10)
	if end := bytes.IndexByte(head, '\n'); end >= 0 {
		head = head[:end]
	}
	best, most := ',', bytes.Count(head, []byte{','})
	for _, other := range []rune{';', '\t'} {
		if n := bytes.Count(head, []byte(string(other))); n > most {
			best, most = other, n
		}
	}
	return best
}
