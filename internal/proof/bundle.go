package proof

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// maxBundleLine bounds a line of a bundle: a record has at most 1 MiB, and base64 adds a third.
const maxBundleLine = 4 << 20

var errBundle = errors.New("not a proof bundle")

// A bundle is JSON Lines: one bundleHead, a bundleRecord for each effective record of one agency in
// order, one bundleSigned after the last record that the checkpoint covers, one bundleEnd. It has a
// canonical form: fields in this order, no spaces, headers sorted by name, no trace context. So every
// byte is either covered by a hash or checked here, and no change goes unnoticed.
type bundleHead struct {
	Bundle     string `json:"bundle"` // format
	Topic      string `json:"topic"`
	Key        string `json:"key"`        // the agency
	PublicKey  string `json:"public_key"` // of the checkpoint
	Checkpoint string `json:"checkpoint"` // the signed note
}

type bundleRecord struct {
	Version int64          `json:"version"`
	Headers []bundleHeader `json:"headers"`
	Value   []byte         `json:"value"` // base64
}

// bundleSigned shows that the checkpoint's tree contains the record before it as the head of the
// agency. The records that follow lie after the checkpoint.
type bundleSigned struct {
	Signed int64            `json:"signed"` // version of the head
	Leaf   int64            `json:"leaf"`
	Proof  tlog.RecordProof `json:"proof"`
}

type bundleHeader struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // base64
}

type bundleEnd struct {
	Records int64 `json:"records"`
}

func writeLine(out io.Writer, v any) error {
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}

func byName(x, y bundleHeader) int { return strings.Compare(x.Name, y.Name) }

func newBundleRecord(r eventlog.Record, version int64) (bundleRecord, error) {
	b := bundleRecord{Version: version, Value: r.Value}
	for _, h := range r.Headers {
		if !utf8.ValidString(h.Key) {
			return b, fmt.Errorf("version %d has a header name that is not UTF-8; a bundle cannot contain it", version)
		}
		if !eventlog.IsTraceContext(h.Key) {
			b.Headers = append(b.Headers, bundleHeader{h.Key, h.Value})
		}
	}
	slices.SortStableFunc(b.Headers, byName)
	return b, nil
}

// record returns a record as it was in the log, in a topic of one partition.
func (b bundleRecord) record(key string) eventlog.Record {
	r := eventlog.Record{Topic: domain.TopicDashboards, Key: []byte(key), Value: b.Value, Offset: -1}
	for _, h := range b.Headers {
		r.Headers = append(r.Headers, eventlog.Header{Key: h.Name, Value: h.Value})
	}
	return r
}

// BundleKey returns the public key that a bundle names for its checkpoint. It does not verify whose
// key it is.
func BundleKey(in io.Reader) (string, error) {
	reader, err := newBundleReader(in)
	if err != nil {
		return "", err
	}
	return reader.head.PublicKey, nil
}

// bundleReader reads a bundle line by line, in constant memory.
type bundleReader struct {
	in   *bufio.Reader
	line int
	head bundleHead
	n    int64         // records read
	path *bundleSigned // nil before it was read
}

func newBundleReader(in io.Reader) (*bundleReader, error) {
	b := &bundleReader{in: bufio.NewReaderSize(in, 64<<10)}
	start, _ := b.in.Peek(3)
	start = bytes.Clone(start)
	raw, err := b.next()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty", errBundle)
	}
	if how := converted(start, raw); how != "" {
		return nil, fmt.Errorf("%w: %s", errBundle, how)
	}
	if err == nil {
		err = b.strictly(raw, &b.head)
	}
	if err != nil {
		return nil, err
	}
	id, isHex := domain.HexID(b.head.Key)
	switch {
	case b.head.Bundle != format:
		return nil, b.errorf("unsupported format %.40q; this program reads %s", b.head.Bundle, format)
	case b.head.Topic != domain.TopicDashboards:
		return nil, b.errorf("topic %.40q cannot be proved", b.head.Topic)
	case !isHex || id != b.head.Key:
		return nil, b.errorf("the key %.40q is not the id of an agency", b.head.Key)
	}
	return b, nil
}

// converted says what a program did to the whole file, given its first bytes and its first line; "" if
// nothing is known. Without it, a mail program or an editor looks like someone who altered the history.
func converted(start, line []byte) string {
	text, err := secret.WithoutMark(start)
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return "the file is compressed with gzip: decompress it"
	case err != nil, len(text) < len(start):
		return "an editor saved the file in another encoding: get the original file"
	case bytes.HasSuffix(line, []byte("}\r")):
		return "the line breaks were changed, as by a transfer in text mode: get the original file"
	default:
		return ""
	}
}

func (b *bundleReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %w", errBundle, b.line, fmt.Errorf(format, args...))
}

func (b *bundleReader) next() ([]byte, error) {
	b.line++
	var line []byte
	for {
		part, err := b.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxBundleLine:
			return nil, b.errorf("the line is longer than %d bytes", maxBundleLine)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, b.errorf("the file ends within the line")
		case err != nil:
			return nil, fmt.Errorf("read bundle: %w", err)
		default:
			return line[:len(line)-1], nil
		}
	}
}

// strictly decodes a line that must be in canonical form.
func (b *bundleReader) strictly(raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return b.errorf("%w", err)
	}
	canonical, err := json.Marshal(v)
	if err != nil || !bytes.Equal(canonical, raw) {
		return b.errorf("the line is not in canonical form: its bytes were changed")
	}
	return nil
}

// record returns the next record, or io.EOF after the last one if the end line is valid.
func (b *bundleReader) record() (r bundleRecord, err error) {
	raw, err := b.next()
	if errors.Is(err, io.EOF) {
		return r, b.errorf("the last line is missing: the file was truncated")
	}
	if err != nil {
		return r, err
	}
	switch {
	case bytes.HasPrefix(raw, []byte(`{"records":`)):
		return r, b.finish(raw)
	case bytes.HasPrefix(raw, []byte(`{"signed":`)) && b.path == nil:
		b.path = &bundleSigned{}
		if err := b.strictly(raw, b.path); err != nil {
			return r, err
		}
		return b.record()
	}
	if err := b.strictly(raw, &r); err != nil {
		return r, err
	}
	traceContext := func(h bundleHeader) bool { return eventlog.IsTraceContext(h.Name) }
	if !slices.IsSortedFunc(r.Headers, byName) || slices.ContainsFunc(r.Headers, traceContext) {
		return r, b.errorf("the headers are not sorted, or contain trace context")
	}
	b.n++
	return r, nil
}

func (b *bundleReader) finish(raw []byte) error {
	var end bundleEnd
	if err := b.strictly(raw, &end); err != nil {
		return err
	}
	if end.Records != b.n {
		return b.errorf("the line states %d records, but there are %d", end.Records, b.n)
	}
	if _, err := b.next(); !errors.Is(err, io.EOF) {
		return b.errorf("data follows the last line")
	}
	return io.EOF
}
