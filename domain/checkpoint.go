package domain

import (
	"errors"
	"fmt"
	"strings"
)

// maxCheckpointNote bounds the signed note of a [CheckpointSigned], in bytes. A note of a topic with
// 1,000 partitions takes less than 32 KiB.
const maxCheckpointNote = 64 << 10

// CheckpointSigned records, on `operations` under the key of all agencies, a signed statement about all of
// `dashboards` up to a position. The note alone is evidence; `size` and `positions` repeat what it says for
// readers that do not parse it. It names no agency.
type CheckpointSigned struct {
	Size      int64   `json:"size"`      // effective records that the checkpoint covers
	Positions []int64 `json:"positions"` // next offset by partition
	Note      string  `json:"note"`      // text and signature as golang.org/x/mod/sumdb/note has them
}

// EventType implements [Data].
func (CheckpointSigned) EventType() string { return "operations.checkpoint_signed.v1" }

// Validate checks the form; whether the signature holds is for those who have the public key.
func (c CheckpointSigned) Validate() error {
	if len(c.Note) > maxCheckpointNote {
		return fmt.Errorf("the note has %d bytes, at most %d fit", len(c.Note), maxCheckpointNote)
	}
	if !strings.Contains(c.Note, "\n\n") {
		return errors.New("the note has no signature")
	}
	return nil
}
