package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// row is what the ledger keeps of one record.
type row struct {
	offset int64
	leaf   tlog.Hash
	owner  int32  // its stream
	time   uint32 // see [seconds]
	pushed bool   // see [follows]
}

// rows are those of one partition, ascending by offset. The newest are in memory, the others in blocks in a file without a name: a log
// that fits into one block makes none. What cannot be written or read makes err, which whoever uses what was read looks at
// first; rows are empty then.
type rows struct {
	file   *os.File // nil: none yet
	blocks []int64  // first offset of each block in the file
	tail   []row    // behind the blocks
	err    error

	cached int // block that block holds
	block  []byte
}

const (
	rowSize   = 48
	blockRows = 1024
	// pushedBit of the offset, which is never negative.
	pushedBit = 1 << 63
)

func (r *rows) len() int { return len(r.blocks)*blockRows + len(r.tail) }

func (r *rows) add(x row) {
	if r.tail = append(r.tail, x); len(r.tail) == blockRows {
		r.spill()
	}
}

// spill writes a full block.
func (r *rows) spill() {
	b := make([]byte, 0, blockRows*rowSize)
	for i := range r.tail {
		b = r.tail[i].appendTo(b)
	}
	if r.file == nil && r.err == nil {
		r.file, r.err = scratchFile()
	}
	if r.err == nil {
		_, r.err = r.file.WriteAt(b, int64(len(r.blocks))*int64(len(b)))
	}
	r.blocks = append(r.blocks, r.tail[0].offset)
	r.tail = r.tail[:0]
}

func (x *row) appendTo(b []byte) []byte {
	at := uint64(x.offset)
	if x.pushed {
		at |= pushedBit
	}
	b = append(binary.BigEndian.AppendUint64(b, at), x.leaf[:]...)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(x.owner)), x.time)
}

func rowOf(b []byte) row {
	at := binary.BigEndian.Uint64(b)
	return row{
		offset: int64(at &^ pushedBit), pushed: at&pushedBit != 0, leaf: tlog.Hash(b[8:40]),
		owner: int32(binary.BigEndian.Uint32(b[40:])), time: binary.BigEndian.Uint32(b[44:]),
	}
}

// at returns one row.
func (r *rows) at(i int) row {
	if r.err != nil {
		return row{}
	}
	block, n := i/blockRows, i%blockRows
	if block == len(r.blocks) {
		return r.tail[n]
	}
	if r.block != nil && r.cached == block {
		return rowOf(r.block[n*rowSize:])
	}
	var b [rowSize]byte
	if r.read(b[:], i); r.err != nil {
		return row{}
	}
	return rowOf(b[:])
}

func (r *rows) read(b []byte, from int) {
	if r.err == nil {
		_, r.err = r.file.ReadAt(b, int64(from)*rowSize)
	}
}

// load makes the rows of a block quick to read.
func (r *rows) load(block int) {
	if block == len(r.blocks) || r.block != nil && r.cached == block {
		return
	}
	if r.block == nil {
		r.block = make([]byte, blockRows*rowSize)
	}
	r.cached = block
	r.read(r.block, block*blockRows)
}

// each calls yield for the rows from a place on, until it returns false.
func (r *rows) each(from int, yield func(at int, x row) bool) {
	for at := from; at < r.len(); at++ {
		if at == from || at%blockRows == 0 {
			r.load(at / blockRows)
		}
		if !yield(at, r.at(at)) || r.err != nil {
			return
		}
	}
}

// search returns the place of the first row at an offset or behind it.
func (r *rows) search(offset int64) int {
	block, starts := slices.BinarySearch(r.blocks, offset)
	if starts {
		return block * blockRows
	}
	low, high := block*blockRows, r.len()
	if inTail := block == len(r.blocks) && len(r.tail) > 0 && r.tail[0].offset <= offset; !inTail {
		if block == 0 {
			return 0
		}
		low, high = low-blockRows, low
		r.load(block - 1)
	}
	for low < high {
		if middle := (low + high) / 2; r.at(middle).offset < offset {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// between calls yield for the rows with offsets in [from, to).
func (r *rows) between(from, to int64, yield func(x row)) {
	if from >= to {
		return
	}
	r.each(r.search(from), func(_ int, x row) bool {
		within := x.offset < to && r.err == nil
		if within {
			yield(x)
		}
		return within
	})
}

// forget drops the first rows; the others move to the front.
func (r *rows) forget(n int) {
	if n == 0 {
		return
	}
	kept := rows{err: r.err}
	r.each(n, func(_ int, x row) bool { kept.add(x); return true })
	kept.err = errors.Join(kept.err, r.err)
	r.close()
	*r = kept
}

func (r *rows) close() {
	if r.file != nil {
		_ = r.file.Close() // nothing of it is needed any more
		r.file = nil
	}
}

// scratchFile is a file without a name in the directory for temporary files: it ends with the process, however that ends.
func scratchFile() (*os.File, error) {
	file, err := os.CreateTemp("", "ledgerboard-proof-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file (TMPDIR names another directory): %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("take the name from a temporary file: %w", err), file.Close())
	}
	return file, nil
}
