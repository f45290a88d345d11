package keysort

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/tempfile"
)

const (
	chunkBytes           = 1 << 20
	itemBytes            = 32 // of a record in memory, in addition to its content
	minBuffer, maxBuffer = 4 << 10, 256 << 10
)

// Sorter sorts records by key and, within a key, by order; both are compared as bytes. Its methods
// must not be called concurrently.
type Sorter struct {
	dir    string
	memory int

	items  []item
	chunks [][]byte // contents of items
	spare  [][]byte // chunks to use again
	used   int      // bytes of items and contents

	file *os.File
	runs []run
}

// item is a record in memory.
type item struct {
	prefix  uint64 // first bytes of the key, to compare most items without reading their contents
	content []byte // key, order and value, each after its length
}

// run is a range of the file.
type run struct{ start, length int64 }

// New returns a sorter that takes at most about memory bytes, and writes more than that to a file
// in dir, which it creates if needed.
func New(dir string, memory int) *Sorter { return &Sorter{dir: dir, memory: memory} }

// Add adds a record and copies its parts.
func (s *Sorter) Add(key, order, value []byte) error {
	size := len(key) + len(order) + len(value) + 3*binary.MaxVarintLen32
	if s.used += size + itemBytes; s.used > s.memory && len(s.items) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
		s.used = size + itemBytes
	}
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < size {
		s.chunks = append(s.chunks, s.chunk(size))
		last++
	}
	chunk, start := s.chunks[last], len(s.chunks[last])
	for _, part := range [][]byte{key, order, value} {
		chunk = append(binary.AppendUvarint(chunk, uint64(len(part))), part...)
	}
	s.chunks[last] = chunk
	s.items = append(s.items, item{prefixOf(key), chunk[start:len(chunk):len(chunk)]})
	return nil
}

// chunk returns an empty chunk with room for size bytes.
func (s *Sorter) chunk(size int) []byte {
	if n := len(s.spare) - 1; n >= 0 && cap(s.spare[n]) >= size {
		chunk := s.spare[n]
		s.spare = s.spare[:n]
		return chunk[:0]
	}
	return make([]byte, 0, max(min(chunkBytes, s.memory), size))
}

func prefixOf(key []byte) uint64 {
	var prefix [8]byte
	copy(prefix[:], key)
	return binary.BigEndian.Uint64(prefix[:])
}

// split returns the parts of a content.
func split(content []byte) (key, order, value []byte) {
	for _, part := range []*[]byte{&key, &order, &value} {
		length, n := binary.Uvarint(content)
		*part, content = content[n:n+int(length)], content[n+int(length):]
	}
	return key, order, value
}

func (i item) compare(o item) int {
	if i.prefix != o.prefix {
		return cmp.Compare(i.prefix, o.prefix)
	}
	key, order, _ := split(i.content)
	otherKey, otherOrder, _ := split(o.content)
	return cmp.Or(bytes.Compare(key, otherKey), bytes.Compare(order, otherOrder))
}

// spill sorts the records in memory and writes them to the file.
func (s *Sorter) spill() error {
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	slices.SortFunc(s.items, item.compare)
	start := int64(0)
	if n := len(s.runs); n > 0 {
		start = s.runs[n-1].start + s.runs[n-1].length
	}
	out := bufio.NewWriterSize(io.NewOffsetWriter(s.file, start), maxBuffer)
	var length int64
	var head []byte
	for _, i := range s.items {
		head = binary.AppendUvarint(head[:0], uint64(len(i.content)))
		_, _ = out.Write(head) // Flush returns the first error
		_, _ = out.Write(i.content)
		length += int64(len(head) + len(i.content))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write sorted records: %w", err)
	}
	s.runs = append(s.runs, run{start, length})
	s.spare, s.chunks = append(s.spare, s.chunks...), nil
	s.items, s.used = s.items[:0], 0
	return nil
}

func (s *Sorter) create() error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("create directory for sorted records: %w", err)
	}
	var err error
	if s.file, err = tempfile.Unlinked(s.dir, "sorted-*"); err != nil {
		return fmt.Errorf("file for sorted records: %w", err)
	}
	return nil
}

// Each calls yield for each record, in order, and returns its first error. The value stays valid,
// the key until the next call. Each can be called once, after the last [Sorter.Add].
func (s *Sorter) Each(yield func(key, value []byte) error) error {
	if len(s.runs) > 0 && len(s.items) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if len(s.runs) > 0 {
		s.items, s.spare = nil, nil
		return s.merge(yield)
	}
	slices.SortFunc(s.items, item.compare)
	for _, i := range s.items {
		key, _, value := split(i.content)
		if err := yield(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sorter) merge(yield func(key, value []byte) error) error {
	sources := make(sources, 0, len(s.runs))
	buffer := min(max(s.memory/len(s.runs), minBuffer), maxBuffer)
	for _, r := range s.runs {
		in := &source{in: bufio.NewReaderSize(io.NewSectionReader(s.file, r.start, r.length), buffer)}
		if more, err := in.next(); err != nil {
			return err
		} else if more {
			sources = append(sources, in)
		}
	}
	heap.Init(&sources)
	for len(sources) > 0 {
		first := sources[0]
		key, _, value := split(first.content)
		if err := yield(key, value); err != nil {
			return err
		}
		more, err := first.next()
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&sources, 0)
		default:
			heap.Pop(&sources)
		}
	}
	return nil
}

// Close frees the file.
func (s *Sorter) Close() {
	if s.file != nil {
		_ = s.file.Close() // its content is not needed any more
	}
}

// source is a run that is being merged, with its next item.
type source struct {
	item
	in *bufio.Reader
}

func (s *source) next() (more bool, err error) {
	length, err := binary.ReadUvarint(s.in)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err == nil {
		s.content = make([]byte, length)
		_, err = io.ReadFull(s.in, s.content)
	}
	if err != nil {
		return false, fmt.Errorf("read sorted records: %w", err)
	}
	key, _, _ := split(s.content)
	s.prefix = prefixOf(key)
	return true, nil
}

// sources is a heap.
type sources []*source

func (s *sources) Len() int           { return len(*s) }
func (s *sources) Less(i, j int) bool { return (*s)[i].compare((*s)[j].item) < 0 }
func (s *sources) Swap(i, j int)      { (*s)[i], (*s)[j] = (*s)[j], (*s)[i] }

// Push implements [heap.Interface]. A merge adds no source.
func (*sources) Push(any) {}

// Pop implements [heap.Interface].
func (s *sources) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
