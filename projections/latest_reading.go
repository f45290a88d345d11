package projections

import (
	"fmt"
	"time"
)

// later is the order in which a day's readings replace each other: the later capture time wins, at
// one instant the smaller event id. laterSQL is the same for a stored row.
func later(at time.Time, id string, presentAt time.Time, presentID string) bool {
	if !at.Equal(presentAt) {
		return at.After(presentAt)
	}
	return id < presentID
}

// smallerID compares event ids by their bytes, as Go does, whatever the database's collation is.
func smallerID(table string) string {
	return fmt.Sprintf(`excluded.event_id collate "C" < %s.event_id collate "C"`, table)
}

func laterSQL(table string) string {
	return fmt.Sprintf(` where excluded.captured_at > %[1]s.captured_at
		or excluded.captured_at = %[1]s.captured_at and %[2]s`, table, smallerID(table))
}
