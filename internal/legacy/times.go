package legacy

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// zoned and local are the forms of times with and without a zone.
var (
	zoned = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700"}
	local = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly}
)

// unixMillisFrom is where numbers are milliseconds: as seconds it would be the year 5138.
const unixMillisFrom = 100_000_000_000

// parseTime reads a time in one of the forms that the old system's exports show. MySQL's zero date is none.
func parseTime(text string, zone *time.Location) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range zoned {
		if at, err := time.Parse(layout, text); err == nil {
			return micros(at)
		}
	}
	for _, layout := range local {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return micros(at)
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if n >= unixMillisFrom || n <= -unixMillisFrom {
		return micros(time.UnixMilli(n))
	}
	return micros(time.Unix(n, 0))
}

// micros keeps what PostgreSQL keeps, and refuses years that JSON cannot write.
func micros(at time.Time) (time.Time, bool) {
	at = at.UTC().Truncate(time.Microsecond)
	return at, at.Year() >= 1 && at.Year() <= 9999
}

// madeAt is the second in an ObjectId's first four bytes.
func madeAt(objectID string) time.Time {
	var seconds [4]byte
	if _, err := hex.Decode(seconds[:], []byte(objectID[:2*len(seconds)])); err != nil {
		return time.Time{}
	}
	return time.Unix(int64(seconds[0])<<24|int64(seconds[1])<<16|int64(seconds[2])<<8|int64(seconds[3]), 0).UTC()
}
