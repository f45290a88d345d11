package legacy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// readLines reads one JSON object a line, as mongoexport writes them without --jsonArray.
func readLines(in io.Reader, skipped int, h Handler) error {
	return eachLine(in, skipped, h, h.document)
}

func eachLine(in io.Reader, skipped int, h Handler, take func(line int, raw []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, MaxRow)
	n := skipped
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := take(n, line); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return h.Bad(&RowError{n + 1, errRowTooLong})
	}
	if lines.Err() != nil {
		return fmt.Errorf("read after line %d: %w", n, lines.Err())
	}
	return nil
}

// readArray reads the objects of one JSON array, as mongoexport --jsonArray writes them, on one line or
// on many.
func readArray(in io.Reader, skipped int, h Handler) error {
	counted := &lineCounter{in: in, line: skipped + 1}
	decoder := json.NewDecoder(counted)
	if _, err := decoder.Token(); err != nil {
		return h.Bad(&RowError{counted.at(decoder.InputOffset()), errors.New("is not JSON")})
	}
	for decoder.More() {
		var raw json.RawMessage
		counted.begin(decoder.InputOffset())
		err := decoder.Decode(&raw)
		line := counted.at(decoder.InputOffset() - int64(len(raw)))
		if err != nil {
			return h.endOfArray(line, err)
		}
		if err := h.document(line, raw); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return h.endOfArray(counted.at(decoder.InputOffset()), err)
	}
	return nil
}

func (h Handler) endOfArray(line int, err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, errRowTooLong):
		return h.Bad(&RowError{line, errRowTooLong})
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return h.Bad(&RowError{line, errors.New("the array is not JSON from here on; what follows was not read")})
	default:
		return fmt.Errorf("read from line %d on: %w", line, err)
	}
}

// document hands one JSON object over.
func (h Handler) document(line int, raw []byte) error {
	if !utf8.Valid(raw) {
		return h.Bad(&RowError{line, errors.New("is not UTF-8")})
	}
	var object map[string]json.RawMessage
	// Not the decoder's error: it may quote the row, and a row may hold a token.
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return h.Bad(&RowError{line, errors.New("is not a JSON object")})
	}
	row := newRow(line, h.Zone)
	for name, value := range object {
		if !row.put(name, jsonValue(value)) {
			return h.Bad(&RowError{line, fmt.Errorf("column %.40q is there twice", name)})
		}
	}
	return h.Row(row)
}

// value is a field as it was written: a scalar, or a list of them.
type value struct {
	absent bool
	text   string // of a scalar: numbers and booleans as JSON spells them
	list   []value
	isList bool
	odd    bool // an object that is no extended JSON, or a list within a list
}

// extended are the wrappings of extended JSON, canonical and relaxed, that stand for scalars.
var extended = []string{"$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$uuid", "$symbol"}

func jsonValue(raw json.RawMessage) value {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return value{absent: true}
	}
	switch raw[0] {
	case 'n':
		return value{absent: true}
	case '"':
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return value{odd: true}
		}
		return value{text: text}
	case '[':
		return jsonList(raw)
	case '{':
		return jsonWrapped(raw)
	default:
		return value{text: string(raw)}
	}
}

func jsonList(raw json.RawMessage) value {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return value{odd: true}
	}
	v := value{isList: true, list: make([]value, 0, len(items))}
	for _, item := range items {
		element := jsonValue(item)
		v.odd = v.odd || element.odd || element.isList
		v.list = append(v.list, element)
	}
	return v
}

// jsonWrapped unwraps {"$oid":"…"}, {"$date":{"$numberLong":"…"}} and their like.
func jsonWrapped(raw json.RawMessage) value {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || len(object) != 1 {
		return value{odd: true}
	}
	for _, name := range extended {
		if inner, ok := object[name]; ok {
			v := jsonValue(inner)
			v.odd = v.odd || v.isList
			return v
		}
	}
	return value{odd: true}
}

// lineCounter tells on which line an offset of what was read lies, and ends rows without an end.
type lineCounter struct {
	in       io.Reader
	line     int     // newlines that were passed, and one
	newlines []int64 // offsets of those that are not, ascending
	read     int64
	row      int64 // where the row being read begins
}

func (c *lineCounter) Read(p []byte) (int, error) {
	if c.read-c.row > MaxRow {
		return 0, errRowTooLong
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

func (c *lineCounter) begin(offset int64) { c.row = offset }

// at is the line of an offset; offsets never go down.
func (c *lineCounter) at(offset int64) int {
	n := 0
	for n < len(c.newlines) && c.newlines[n] < offset {
		n++
	}
	c.line += n
	c.newlines = c.newlines[n:]
	return c.line
}
