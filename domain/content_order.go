package domain

import "time"

// ContentRecord is what decides which record of a key of topic `contents` counts.
type ContentRecord struct {
	At     time.Time // when it was said, or erased
	Erased bool      // a tombstone
}

// Replaces tells whether a record counts instead of the one that counted before it came: the one with the latest time does, and of one
// time (to the microsecond, as tables keep it) the first; a tombstone stands before content of its time.
func (r ContentRecord) Replaces(before ContentRecord) bool {
	now, then := r.At.Truncate(time.Microsecond), before.At.Truncate(time.Microsecond)
	return now.After(then) || now.Equal(then) && r.Erased && !before.Erased
}
