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

// Handler takes the rows of a file. Row gets each one that could be read as a row; Bad each that could
// not, with its line. An error of either ends the reading and is returned as it is.
type Handler struct {
	Zone *time.Location // of times that name none; nil: UTC
	Row  func(*Row) error
	Bad  func(*RowError) error
}

// Read reads CSV (with a header line), JSON Lines or one JSON array of objects, whichever it is: the
// first character that is no space decides. The error is that of the reader or of the handler.
func Read(in io.Reader, h Handler) error {
	if h.Zone == nil {
		h.Zone = time.UTC
	}
	buffered := bufio.NewReaderSize(in, 64<<10)
	if mark, err := buffered.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = buffered.Discard(len(byteOrderMark)) // spreadsheets begin their exports with it
	}
	first, lines, err := firstOf(buffered)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("read the beginning: %w", err)
	case first == '[':
		return h.array(buffered, lines)
	case first == '{':
		return h.lines(buffered, lines, h.object)
	default:
		return h.csv(buffered, lines)
	}
}

// ReadLines reads JSON Lines as they stand: of each row only Line and Raw are set.
func ReadLines(in io.Reader, h Handler) error {
	return h.lines(in, 0, func(line int, raw []byte) error { return h.Row(&Row{Line: line, Raw: raw}) })
}

const byteOrderMark = "\xef\xbb\xbf"

// firstOf skips the space before the first row and counts its lines.
func firstOf(in *bufio.Reader) (first byte, lines int, err error) {
	for {
		c, err := in.ReadByte()
		if err != nil {
			return 0, lines, err
		}
		switch c {
		case '\n':
			lines++
		case ' ', '\t', '\r':
		default:
			return c, lines, in.UnreadByte()
		}
	}
}

// lines hands over every line that is not empty, for example as mongoexport writes them without --jsonArray.
func (h Handler) lines(in io.Reader, skipped int, take func(line int, raw []byte) error) error {
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
		return h.Bad(&RowError{n + 1, errTooLong})
	}
	if lines.Err() != nil {
		return fmt.Errorf("read after line %d: %w", n, lines.Err())
	}
	return nil
}

// row hands over what was read of a row.
func (h Handler) row(line int, fields iter.Seq2[string, any]) error {
	row := &Row{Line: line, zone: h.Zone, fields: map[string]any{}}
	for name, value := range fields {
		if text, ok := value.(string); ok && !utf8.ValidString(text) {
			return h.Bad(&RowError{line, errNotUTF8})
		}
		key := columnKey(name)
		if _, twice := row.fields[key]; twice {
			return h.Bad(&RowError{line, fmt.Errorf("column %.40q is there twice", name)})
		}
		row.fields[key] = value
	}
	return h.Row(row)
}
