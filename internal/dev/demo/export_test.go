package demo

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Entities are the reference entities of both agencies; accounts come first, and each entity after
// those that it names.
func (w *World) Entities() []domain.DirectoryEntity { return slices.Clone(w.entities) }
