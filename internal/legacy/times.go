package legacy

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// zoned and local are the time formats with and without a zone.
var (
	zoned = []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999Z07:00",
		"2006-01-02 15:04:05.999999999 -0700",
	}
	local = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly}
)

// unixMillisFrom is the number from which Unix times are milliseconds: in seconds it would be the
// year 5138.
const unixMillisFrom = 100_000_000_000

// time reads a time and returns it in UTC with microsecond precision, as in PostgreSQL. MySQL's
// zero date and years that JSON cannot represent are refused.
func (r *Row) time(text, shown string) (time.Time, error) {
	at, ok := parseTime(strings.TrimSpace(text), r.zone)
	at = at.UTC().Truncate(time.Microsecond)
	if !ok || at.Year() < 1 || at.Year() > 9999 {
		return at, fmt.Errorf("%s is not a time (2026-03-14T12:00:00Z, 2026-03-14 12:00:00, or Unix seconds or milliseconds)", shown)
	}
	return at, nil
}

func parseTime(text string, zone *time.Location) (at time.Time, ok bool) {
	for _, layout := range zoned {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	for _, layout := range local {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, true
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if n >= unixMillisFrom || n <= -unixMillisFrom {
		return time.UnixMilli(n), err == nil
	}
	return time.Unix(n, 0), err == nil
}

// createdAt returns the second in the first four bytes of an ObjectId.
func createdAt(objectID string) time.Time {
	raw, err := hex.DecodeString(objectID)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint32(raw)), 0).UTC()
}
