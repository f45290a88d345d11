package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// LeafHash returns the leaf of one record in both trees: RFC 6962's leaf hash (SHA-256 of a zero
// byte and the data) over the record's chain hash (32 bytes), its version (64 bits, big-endian) and
// its key. The fields of fixed length come first, so the encoding is unambiguous.
func LeafHash(key string, head domain.StreamHead) tlog.Hash {
	data := make([]byte, 1, 96) // like [tlog.RecordHash] on the bytes after the zero byte, without its allocations
	data = append(data, head.Hash[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(head.Version))
	return sha256.Sum256(append(data, key...))
}

// tree is an append-only Merkle tree. Of each level it keeps only the newest complete subtree,
// which is enough for the next leaf and the root.
type tree struct {
	size   int64
	levels [64]tlog.Hash
}

func (t *tree) add(h tlog.Hash) { t.grow(h, func(tlog.Hash) {}) }

// grow adds a leaf. It calls keep with the leaf and then with the subtrees that it completes,
// bottom-up: the order of tlog's stored hashes.
func (t *tree) grow(h tlog.Hash, keep func(tlog.Hash)) {
	keep(h)
	level, n := 0, t.size
	for ; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(t.levels[level], h)
		keep(h)
		level++
	}
	t.levels[level] = h
	t.size++
}

func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // reads nothing and cannot fail
		return root
	}
	rest := uint64(t.size)
	root := t.levels[bits.TrailingZeros64(rest)]
	for rest &= rest - 1; rest != 0; rest &= rest - 1 {
		root = tlog.NodeHash(t.levels[bits.TrailingZeros64(rest)], root)
	}
	return root
}

// storedTree keeps every hash of a tree in memory, 64 bytes per leaf, so that it can prove
// inclusion.
type storedTree struct {
	tree

	hashes []tlog.Hash // in the order of tlog's stored hashes
}

func (t *storedTree) add(h tlog.Hash) {
	t.grow(h, func(h tlog.Hash) { t.hashes = append(t.hashes, h) })
}

// ReadHashes implements [tlog.HashReader].
func (t *storedTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = t.hashes[at]
	}
	return hashes, nil
}

// prove returns the audit path of a leaf; for a tree of one leaf it is empty, not null.
func (t *storedTree) prove(leaf int64) ([]tlog.Hash, error) {
	proved, err := tlog.ProveRecord(t.size, leaf, t)
	if err != nil {
		return nil, fmt.Errorf("prove record: %w", err)
	}
	return append([]tlog.Hash{}, proved...), nil
}
