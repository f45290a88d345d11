package domain

import (
	"errors"
	"fmt"
	"time"
)

// MostWithdrawn is how many streams [LogRestored] names.
const MostWithdrawn = 1000

// LogRestored is a restore of an older state than was known: what lay behind it was withdrawn, and its offsets and versions are given out
// again. Texts are of fixed forms: they stay for ever.
type LogRestored struct {
	Follows int                `json:"follows"` // number of the epoch that was the backup's newest
	From    map[string][]int64 `json:"from"`    // by topic: the first offset of the epoch in each partition; what lies below is the backup's
	Backup  time.Time          `json:"backup"`  // when the backup asked where the log ends, which ends the epoch before
	Time    time.Time          `json:"time"`    // of the restore, by its clock
	Actor   string             `json:"actor"`
	Reason  Reason             `json:"reason"`
	// Records counts, by topic, what tables and signed checkpoints know of what was withdrawn. More may have been there.
	Records map[string]int64 `json:"records,omitempty"`
	// Streams names the first [MostWithdrawn] agencies whose versions were withdrawn; MoreStreams counts the others.
	Streams     []WithdrawnVersions `json:"streams,omitempty"`
	MoreStreams int                 `json:"more_streams,omitempty"`
	// Checkpoint is the id of the newest signed checkpoint in the backup, base64; "" for none. Those that continue it and are not in the log
	// were withdrawn.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Statement is this whole record without it, signed with the checkpoint key; "": nobody signed.
	Statement string `json:"statement,omitempty"`
}

// WithdrawnVersions are the versions of an agency's dashboards that a restore withdrew, as far as they are known.
type WithdrawnVersions struct {
	Agency string `json:"agency"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
}

// validate checks what the judgement of records relies on.
func (r LogRestored) validate(number int) error {
	if r.Follows < 0 || r.Follows >= number {
		return fmt.Errorf("epoch %d follows epoch %d, which is not before it", number, r.Follows)
	}
	if len(r.From[TopicOperations]) == 0 {
		return errors.New("it names no offsets of " + TopicOperations + ", where it stands itself")
	}
	for topic, from := range r.From {
		for partition, offset := range from {
			if offset < 0 {
				return fmt.Errorf("%s/%d begins at %d, below 0", topic, partition, offset)
			}
		}
	}
	return r.Reason.Validate()
}
