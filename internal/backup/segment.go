package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/tempfile"
)

const (
	segmentBytes = 64 << 20 // size from which a segment is complete
	// smallSegment is the size below which the next run rewrites the last segment of a partition,
	// together with later records. Otherwise, hourly backups would create hundreds of thousands of
	// files.
	smallSegment = 4 << 20
)

const maxFrame = 64 << 20 // far above the limit of brokers (2 MiB), so a larger frame is damaged

// ErrDamaged means that files differ from what was written.
var ErrDamaged = errors.New("the backup is damaged")

// segmentWriter writes one segment. The file gets its final name once it is complete and on disk.
type segmentWriter struct {
	dir     string // of the partition
	file    *os.File
	out     *bufio.Writer
	sum     hash.Hash
	segment Segment
	frame   []byte
}

func newSegment(dir, topic string, partition int32, first int64) (*segmentWriter, error) {
	file, err := tempfile.Create(dir, partialPrefix)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	w := &segmentWriter{dir: dir, file: file, sum: sha256.New(), segment: Segment{First: first, Next: first}}
	w.out = bufio.NewWriterSize(io.MultiWriter(file, w.sum), 1<<20)
	return w, w.write([]byte(segmentHead(topic, partition)))
}

func segmentHead(topic string, partition int32) string {
	return fmt.Sprintf("ledgerboard.segment.v1 %s %d\n", topic, partition)
}

func (s *segmentWriter) write(b []byte) error {
	if _, err := s.out.Write(b); err != nil {
		return fmt.Errorf("write a segment: %w", err)
	}
	s.segment.Bytes += int64(len(b))
	return nil
}

func (s *segmentWriter) add(r eventlog.Record) error {
	s.frame = appendFrame(s.frame[:0], r)
	s.segment.Records++
	s.segment.Next = r.Offset + 1
	return s.write(s.frame)
}

func (s *segmentWriter) close(next int64) (Segment, error) {
	s.segment.Next = next
	if err := errors.Join(s.out.Flush(), s.file.Sync(), s.file.Close()); err != nil {
		return Segment{}, fmt.Errorf("write a segment: %w", err)
	}
	s.segment.SHA256 = hex.EncodeToString(s.sum.Sum(nil))
	name := fmt.Sprintf("%020d-%020d-%s.seg", s.segment.First, next, s.segment.SHA256[:16])
	if err := os.Rename(s.file.Name(), filepath.Join(s.dir, name)); err != nil {
		return Segment{}, fmt.Errorf("rename a segment: %w", err)
	}
	s.segment.File = filepath.ToSlash(filepath.Join(filepath.Base(s.dir), name))
	return s.segment, syncDir(s.dir)
}

func (s *segmentWriter) abandon() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// appendFrame appends a frame: its length and a record, which consists of offset, time
// (milliseconds), key, value and headers. A field is encoded as its length + 1 and its bytes; nil
// is encoded as 0, because a tombstone differs from an empty value. Numbers are uvarints, except
// the length of the frame (4 bytes) and the time (varint).
func appendFrame(b []byte, r eventlog.Record) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.AppendUvarint(b, uint64(r.Offset))
	b = binary.AppendVarint(b, r.Timestamp.UnixMilli())
	b = appendField(appendField(b, r.Key), r.Value)
	b = binary.AppendUvarint(b, uint64(len(r.Headers)))
	for _, h := range r.Headers {
		b = appendField(appendField(b, []byte(h.Key)), h.Value)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func appendField(b, field []byte) []byte {
	if field == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(field))+1), field...)
}

// readSegment calls yield with each record of a segment; yield may keep the record. At the end, it
// compares the segment with the manifest.
func readSegment(root, topic string, partition int32, s Segment, yield func(eventlog.Record) error) error {
	file, err := os.Open(filepath.Join(root, filepath.FromSlash(s.File)))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer file.Close()
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(file, sum), 1<<20)
	var stop error
	records, err := readFrames(in, topic, partition, s, func(r eventlog.Record) error {
		stop = yield(r)
		return stop
	})
	switch {
	case stop != nil:
		return stop
	case err != nil:
		return fmt.Errorf("%w: segment %s: %w", ErrDamaged, s.File, err)
	case hex.EncodeToString(sum.Sum(nil)) != s.SHA256:
		return fmt.Errorf("%w: the SHA-256 of segment %s does not match the manifest", ErrDamaged, s.File)
	case records != s.Records:
		return fmt.Errorf("%w: segment %s has %d records, but the manifest says %d",
			ErrDamaged, s.File, records, s.Records)
	}
	return nil
}

func readFrames(
	in *bufio.Reader, topic string, partition int32, s Segment, yield func(eventlog.Record) error,
) (records int64, err error) {
	head := make([]byte, len(segmentHead(topic, partition)))
	if _, err := io.ReadFull(in, head); err != nil || string(head) != segmentHead(topic, partition) {
		return 0, fmt.Errorf("the file does not begin like a segment of %s/%d", topic, partition)
	}
	for offset := s.First; ; records++ {
		var length [4]byte
		_, err := io.ReadFull(in, length[:])
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		size := binary.BigEndian.Uint32(length[:])
		if err != nil || size > maxFrame {
			return records, fmt.Errorf("the record after offset %d cannot be read", offset)
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(in, frame); err != nil {
			return records, fmt.Errorf("the record after offset %d is truncated", offset)
		}
		r, ok := parseFrame(frame)
		if !ok || r.Offset < offset || r.Offset >= s.Next {
			return records, fmt.Errorf("the record after offset %d cannot be read", offset)
		}
		r.Topic, r.Partition = topic, partition
		offset = r.Offset + 1
		if err := yield(r); err != nil {
			return records, err
		}
	}
}

// frameReader decodes a frame. If the input is invalid, bad is set.
type frameReader struct {
	rest []byte
	bad  bool
}

func parseFrame(frame []byte) (r eventlog.Record, ok bool) {
	f := frameReader{rest: frame}
	r.Offset = int64(f.number())
	milliseconds, n := binary.Varint(f.rest)
	f.skip(n)
	r.Timestamp = time.UnixMilli(milliseconds).UTC()
	r.Key, r.Value = f.field(), f.field()
	headers := f.number()
	if headers > uint64(len(f.rest)) { // each takes at least two bytes
		return r, false
	}
	for range headers {
		r.Headers = append(r.Headers, eventlog.Header{Key: string(f.field()), Value: f.field()})
	}
	return r, !f.bad && len(f.rest) == 0 && r.Offset >= 0
}

func (f *frameReader) skip(n int) {
	if f.bad = f.bad || n <= 0; !f.bad {
		f.rest = f.rest[n:]
	}
}

func (f *frameReader) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	f.skip(n)
	return v
}

func (f *frameReader) field() []byte {
	size := f.number()
	if size == 0 || f.bad {
		return nil
	}
	if size--; size > uint64(len(f.rest)) {
		f.bad = true
		return nil
	}
	field := f.rest[:size:size]
	f.rest = f.rest[size:]
	return field
}
