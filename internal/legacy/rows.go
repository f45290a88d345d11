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

// MaxRow is the longest row, in bytes: as much as a record of the log may have.
const MaxRow = 1 << 20

// RowError says why a row cannot be taken.
type RowError struct {
	Line int // 1-based line on which the row begins
	Err  error
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap gives the reason.
func (e *RowError) Unwrap() error { return e.Err }

// errTooLong ends a file: where the next row begins is not known.
var (
	errTooLong = fmt.Errorf("the row is longer than %d bytes; what follows it was not read", MaxRow)
	errNotUTF8 = errors.New("is not UTF-8")
)

// Rows are those of a file, each with a nil error; a [RowError] in the place of one that cannot be read; and at last,
// if the file itself cannot be read to its end, the error of that.
type Rows = iter.Seq2[*Row, error]

// Read reads CSV (with a header line), JSON Lines or one JSON array of objects, whichever it is: the
// first character that is no space decides. Times that name no zone are in the given one.
func Read(in io.Reader, zone *time.Location) Rows {
	return func(yield func(*Row, error) bool) {
		r := reader{bufio.NewReaderSize(in, 64<<10), zone, yield}
		if mark, err := r.in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
			_, _ = r.in.Discard(len(byteOrderMark)) // spreadsheets begin their exports with it
		}
		first, skipped, err := r.first()
		switch {
		case errors.Is(err, io.EOF):
		case err != nil:
			yield(nil, fmt.Errorf("read the beginning: %w", err))
		case first == '[':
			r.array(skipped)
		case first == '{':
			r.lines(skipped, r.object)
		default:
			r.csv(skipped)
		}
	}
}

// ReadLines reads JSON Lines as they stand: of each row only Line and Raw are set.
func ReadLines(in io.Reader, _ *time.Location) Rows {
	return func(yield func(*Row, error) bool) {
		r := reader{in: bufio.NewReader(in), yield: yield}
		r.lines(0, func(line int, raw []byte) bool { return yield(&Row{Line: line, Raw: raw}, nil) })
	}
}

const byteOrderMark = "\xef\xbb\xbf"

// reader reads a file. Its methods tell whether more rows are wanted.
type reader struct {
	in    *bufio.Reader
	zone  *time.Location
	yield func(*Row, error) bool
}

func (r reader) bad(line int, reason error) bool { return r.yield(nil, &RowError{line, reason}) }

// first skips the space before the first row and counts its lines.
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

// lines hands over every line that is not empty, for example as mongoexport writes them without --jsonArray.
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
			return r.bad(line, fmt.Errorf("column %.40q is there twice", name))
		}
		row.fields[key] = value
	}
	return r.yield(row, nil)
}
