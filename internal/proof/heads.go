package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// agencyID is the id of an agency in binary.
type agencyID [12]byte

// agencyOf returns the agency of a record's key; false if the key is not 24 hex digits in lower case.
func agencyOf(key []byte) (id agencyID, ok bool) {
	for _, c := range key {
		if 'A' <= c && c <= 'F' {
			return id, false
		}
	}
	if len(key) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], key)
	return id, err == nil
}

func (a agencyID) String() string { return hex.EncodeToString(a[:]) }

type stream struct {
	agency  agencyID
	changed bool // since the tree was brought up to date
	head    domain.StreamHead
	offset  int64 // of the head
}

// heads are the streams of a partition in order of their first effective records, and the Merkle
// tree (RFC 6962) whose leaves are their heads. The tree is brought up to date when it is read, and
// then only the paths of changed heads are computed. It keeps 32 bytes per stream: leaves are
// computed from the heads.
type heads struct {
	streams []stream
	index   map[agencyID]int32
	changed []int32       // indexes of streams
	levels  [][]tlog.Hash // the tree without its leaves, from the bottom up to the root
}

func newHeads() heads { return heads{index: map[agencyID]int32{}} }

// of returns the stream of an agency, empty before its first effective record.
func (h *heads) of(id agencyID) stream {
	if i, known := h.index[id]; known {
		return h.streams[i]
	}
	return stream{agency: id}
}

// set makes a record the head of its stream.
func (h *heads) set(id agencyID, head domain.StreamHead, offset int64) {
	i, known := h.index[id]
	if !known {
		i = int32(len(h.streams))
		h.index[id], h.streams = i, append(h.streams, stream{agency: id})
	}
	s := &h.streams[i]
	s.head, s.offset = head, offset
	if !s.changed {
		s.changed, h.changed = true, append(h.changed, i)
	}
}

func (h *heads) size() int64 { return int64(len(h.streams)) }

func (h *heads) node(level int, i int32) tlog.Hash {
	if level == 0 {
		return LeafHash(h.streams[i].agency.String(), h.streams[i].head)
	}
	return h.levels[level-1][i]
}

// width returns the number of nodes of a level; an odd last node rises to the next level unchanged.
func (h *heads) width(level int) int32 { return int32((len(h.streams) + 1<<level - 1) >> level) }

// root returns the root of the tree.
func (h *heads) root() tlog.Hash {
	if len(h.streams) == 0 {
		root, _ := tlog.TreeHash(0, nil) // reads nothing and cannot fail
		return root
	}
	for _, i := range h.changed {
		h.streams[i].changed = false
	}
	slices.Sort(h.changed)
	level := 0
	for ; h.width(level) > 1; level++ {
		if len(h.levels) == level {
			h.levels = append(h.levels, nil)
		}
		parents := h.changed[:0]
		for _, i := range h.changed {
			if n := len(parents); n == 0 || parents[n-1] != i/2 {
				parents = append(parents, i/2)
			}
		}
		nodes := h.levels[level]
		nodes = append(nodes, make([]tlog.Hash, int(h.width(level+1))-len(nodes))...)
		h.levels[level] = nodes
		for _, parent := range parents {
			nodes[parent] = h.node(level, 2*parent)
			if right := 2*parent + 1; right < h.width(level) {
				nodes[parent] = tlog.NodeHash(nodes[parent], h.node(level, right))
			}
		}
		h.changed = parents
	}
	h.changed = h.changed[:0]
	return h.node(level, 0)
}

// prove returns the index of the head of an agency that has one, and its audit path, after
// [heads.root]. The path of the only head is empty, not null.
func (h *heads) prove(id agencyID) (leaf int64, path tlog.RecordProof) {
	i := h.index[id]
	leaf, path = int64(i), tlog.RecordProof{}
	for level := 0; h.width(level) > 1; level++ {
		if sibling := i ^ 1; sibling < h.width(level) {
			path = append(path, h.node(level, sibling))
		}
		i /= 2
	}
	return leaf, path
}

// LeafHash returns the leaf of a stream's head in the tree: RFC 6962's leaf hash (SHA-256 of a zero
// byte and the data) over the head's chain hash (32 bytes), its version (64 bits, big-endian) and
// the agency's id. The fields of fixed length come first, so the encoding is unambiguous.
func LeafHash(key string, head domain.StreamHead) tlog.Hash {
	data := make([]byte, 1, 96) // same result as [tlog.RecordHash], with fewer allocations
	data = append(data, head.Hash[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(head.Version))
	return sha256.Sum256(append(data, key...))
}
