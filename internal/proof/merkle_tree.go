package proof

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// LeafHash is the leaf of one record in both trees: RFC 6962's leaf hash (SHA-256 of a zero byte and
// the data) over the record's chain hash (32 bytes), its version (64 bits, big-endian) and its key. The
// fields of fixed length come first, so that no two records share a spelling.
func LeafHash(key string, head domain.StreamHead) tlog.Hash {
	data := make([]byte, 1, 96) // [tlog.RecordHash] of what follows the zero byte, without its allocations
	data = append(data, head.Hash[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(head.Version))
	return sha256.Sum256(append(data, key...))
}

// frontier is a Merkle tree that only grows: of each level it keeps the newest complete subtree, which
// is all that the next leaf and the root need. A copy is a snapshot.
type frontier struct {
	size   int64
	levels [64]tlog.Hash
}

func (f *frontier) add(h tlog.Hash) { f.grow(h, func(tlog.Hash) {}) }

// grow adds a leaf; keep sees it and then the subtrees that it completes, from below.
func (f *frontier) grow(h tlog.Hash, keep func(tlog.Hash)) {
	keep(h)
	level, n := 0, f.size
	for ; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(f.levels[level], h)
		keep(h)
		level++
	}
	f.levels[level] = h
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // reads nothing and cannot fail
		return root
	}
	left := uint64(f.size)
	root := f.levels[bits.TrailingZeros64(left)]
	for left &= left - 1; left != 0; left &= left - 1 {
		root = tlog.NodeHash(f.levels[bits.TrailingZeros64(left)], root)
	}
	return root
}

// storedTree has every hash of a tree in a file without a name, 64 bytes a leaf in tlog's order, so that inclusion can be proved.
type storedTree struct {
	frontier

	file  *os.File
	out   *bufio.Writer
	known map[int64]tlog.Hash // of the last proof: neighbours share most of theirs
}

func newStoredTree() (*storedTree, error) {
	file, err := scratchFile()
	if err != nil {
		return nil, err
	}
	return &storedTree{file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

// close gives up the file; a tree that nobody made has none.
func (t *storedTree) close() {
	if t != nil {
		_ = t.file.Close() // nothing of it is needed any more
	}
}

// add adds a leaf; that it could not be written shows when the tree is read.
func (t *storedTree) add(h tlog.Hash) {
	t.grow(h, func(h tlog.Hash) { _, _ = t.out.Write(h[:]) })
}

// ReadHashes implements [tlog.HashReader].
func (t *storedTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	if err := t.out.Flush(); err != nil {
		return nil, fmt.Errorf("write the tree: %w", err)
	}
	hashes, known := make([]tlog.Hash, len(indexes)), make(map[int64]tlog.Hash, len(indexes))
	for i, at := range indexes {
		h, again := t.known[at]
		if !again {
			if _, err := t.file.ReadAt(h[:], at*tlog.HashSize); err != nil {
				return nil, fmt.Errorf("read the tree: %w", err)
			}
		}
		hashes[i], known[at] = h, h
	}
	t.known = known
	return hashes, nil
}

func (t *storedTree) prove(n int64) (tlog.RecordProof, error) { return tlog.ProveRecord(t.size, n, t) }
