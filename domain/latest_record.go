package domain

import "time"

// ToldEntity is the state of an entity of topic `directory`.
type ToldEntity struct {
	At     time.Time // when the entity was so
	Entity DirectoryEntity
}

// CompactedRecord is what decides whether a state that comes from outside is newer than the one that is known.
type CompactedRecord struct {
	At     time.Time // when it was so, or erased
	Erased bool      // a tombstone
}

// Replaces reports whether a state is appended over the one that is known: if it is later (to the microsecond, as tables keep
// times), or a tombstone of the same time. In the log itself the last record of a key counts.
func (r CompactedRecord) Replaces(before CompactedRecord) bool {
	now, then := r.At.Truncate(time.Microsecond), before.At.Truncate(time.Microsecond)
	return now.After(then) || now.Equal(then) && r.Erased && !before.Erased
}
