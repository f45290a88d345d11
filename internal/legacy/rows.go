package legacy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"
)

// MaxRow is the maximum length of a row in bytes, the same as that of a log record.
const MaxRow = 1 << 20

// RowError says why a row was refused.
type RowError struct {
	Line int // line on which the row starts, from 1
	Err  error
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap returns the reason.
func (e *RowError) Unwrap() error { return e.Err }

var (
	// errTooLong is the last error of a file, because the start of the next row is unknown.
	errTooLong = fmt.Errorf("the row is longer than %d bytes; the rest was not read", MaxRow)
	errNotUTF8 = errors.New("is not UTF-8")
)

// Rows iterates over the rows of a file. A row that cannot be read is nil, with a [RowError]. If
// the file cannot be read to its end, the last error is not a RowError.
type Rows = iter.Seq2[*Row, error]

// Read reads CSV with a header line, JSON Lines, or one JSON array of objects. The first character
// that is not white space determines the format. Times without a zone are in the given zone.
func Read(in io.Reader, zone *time.Location) Rows {
	return func(yield func(*Row, error) bool) {
		r := reader{bufio.NewReaderSize(in, 64<<10), zone, yield}
		if mark, err := r.in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
			_, _ = r.in.Discard(len(byteOrderMark)) // spreadsheets start their exports with it
		}
		first, skipped, err := r.first()
		switch {
		case errors.Is(err, io.EOF):
		case err != nil:
			yield(nil, fmt.Errorf("read the start: %w", err))
		case first == '[':
			r.array(skipped)
		case first == '{':
			r.lines(skipped, r.object)
		default:
			r.csv(skipped)
		}
	}
}

// ReadLines reads JSON Lines without parsing them: only Line and Raw of each row are set. It
// ignores the zone, but has the signature of [Read].
func ReadLines(in io.Reader, _ *time.Location) Rows {
	return func(yield func(*Row, error) bool) {
		r := reader{in: bufio.NewReader(in), yield: yield}
		r.lines(0, func(line int, raw []byte) bool { return yield(&Row{Line: line, Raw: raw}, nil) })
	}
}

const byteOrderMark = "\xef\xbb\xbf"

// reader reads a file. Its methods report whether more rows are wanted.
type reader struct {
	in    *bufio.Reader
	zone  *time.Location
	yield func(*Row, error) bool
}

func (r reader) bad(line int, reason error) bool { return r.yield(nil, &RowError{line, reason}) }

// first skips the white space before the first row. It returns the first byte of the row and the
// number of skipped lines.
func (r reader) first() (first byte, lines int, err error) {
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return 0, lines, err
		}
		switch c {
		case '\n':
			lines++
		case ' ', '\t', '\r':
		default:
			return c, lines, r.in.UnreadByte()
		}
	}
}

// lines reads the format of mongoexport without --jsonArray: one object per line. It skips empty
// lines.
func (r reader) lines(skipped int, take func(line int, raw []byte) bool) {
	lines := bufio.NewScanner(r.in)
	lines.Buffer(nil, MaxRow)
	n := skipped
	for lines.Scan() {
		n++
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 && !take(n, line) {
			return
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		r.bad(n+1, errTooLong)
	case err != nil:
		r.yield(nil, fmt.Errorf("read after line %d: %w", n, err))
	}
}

func (r reader) row(line int, fields iter.Seq2[string, any]) bool {
	row := &Row{Line: line, zone: r.zone, fields: map[string]any{}}
	for name, value := range fields {
		if text, ok := value.(string); ok && !utf8.ValidString(text) {
			return r.bad(line, errNotUTF8)
		}
		key := columnKey(name)
		if _, twice := row.fields[key]; twice {
			return r.bad(line, fmt.Errorf("column %.40q occurs twice", name))
		}
		row.fields[key] = value
	}
	return r.yield(row, nil)
}
