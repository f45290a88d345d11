package domain

import "time"

// ToldEntity is what counts of a key of topic `directory`.
type ToldEntity struct {
	CompactedRecord

	Entity DirectoryEntity // nil where it is erased
}

// CompactedRecord is what decides which record of a key of a compacted topic counts.
type CompactedRecord struct {
	At     time.Time // when it was so, or erased
	Erased bool      // a tombstone
}

// Replaces tells whether a record counts instead of the one that counted before it came: the one with the latest time does, and of one
// time (to the microsecond, as tables keep it) the first; a tombstone stands before what else is of its time.
func (r CompactedRecord) Replaces(before CompactedRecord) bool {
	now, then := r.At.Truncate(time.Microsecond), before.At.Truncate(time.Microsecond)
	return now.After(then) || now.Equal(then) && r.Erased && !before.Erased
}
