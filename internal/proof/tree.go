package proof

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// LeafHash is the leaf of one record in both trees: RFC 6962's leaf hash (SHA-256 of a zero byte and
// the data) over the record's chain hash (32 bytes), its version (64 bits, big-endian) and its key. The
// fields of fixed length come first, so that no two records share a spelling.
func LeafHash(key string, head domain.StreamHead) tlog.Hash {
	data := make([]byte, 0, 96)
	data = append(data, head.Hash[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(head.Version))
	return tlog.RecordHash(append(data, key...))
}

// frontier is a Merkle tree that only grows: of each level it keeps the newest complete subtree, which
// is all that the next leaf and the root need. A copy is a snapshot.
type frontier struct {
	size   int64
	levels [64]tlog.Hash
}

func (f *frontier) add(h tlog.Hash) {
	level, n := 0, f.size
	for ; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(f.levels[level], h)
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

// fullTree keeps every hash of a tree, 64 bytes a leaf, so that inclusion can be proved.
type fullTree struct {
	size   int64
	stored []tlog.Hash // in tlog's order
}

func (t *fullTree) add(h tlog.Hash) {
	hashes, _ := tlog.StoredHashesForRecordHash(t.size, h, t) // the reader never fails
	t.stored = append(t.stored, hashes...)
	t.size++
}

// ReadHashes implements [tlog.HashReader].
func (t *fullTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = t.stored[at]
	}
	return hashes, nil
}

func (t *fullTree) prove(n int64) (tlog.RecordProof, error) { return tlog.ProveRecord(t.size, n, t) }
