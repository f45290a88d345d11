package projectors

import (
	"fmt"
	"strings"
	"time"
)

// later reports whether a reading replaces the present one of its day: the later capture time wins;
// at the same instant the smaller event id. theLater does the same for a stored row.
func later(at time.Time, id string, presentAt time.Time, presentID string) bool {
	if !at.Equal(presentAt) {
		return at.After(presentAt)
	}
	return id < presentID
}

// smallerID compares event ids bytewise, as Go does, independent of the database's collation.
func smallerID(table string) string {
	return fmt.Sprintf(`excluded.event_id collate "C" < %s.event_id collate "C"`, table)
}

// theLater sets columns to the values of the later of the stored row and the new one.
func theLater(table string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = fmt.Sprintf(`%[2]s = case when excluded.captured_at > %[1]s.captured_at
			or excluded.captured_at = %[1]s.captured_at and %[3]s then excluded.%[2]s else %[1]s.%[2]s end`, table, c, smallerID(table))
	}
	return strings.Join(sets, ",\n\t\t")
}
