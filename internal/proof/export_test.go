package proof

import (
	"encoding/binary"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ReadTwice lets a replay keep the records of a first run at most.
func (r ReplayConfig) ReadTwice() ReplayConfig {
	r.keptBytes = 1
	return r
}

// Heads gives a benchmark the tree of heads.
type Heads struct{ heads }

// NewHeads returns an empty tree.
func NewHeads() *Heads { return &Heads{newHeads()} }

// Set sets the head of the nth agency.
func (h *Heads) Set(n int, version int64) {
	var id agencyID
	binary.BigEndian.PutUint64(id[4:], uint64(n))
	h.set(id, domain.StreamHead{Version: version}, 0)
}

// Root returns the root.
func (h *Heads) Root() tlog.Hash { return h.root() }
