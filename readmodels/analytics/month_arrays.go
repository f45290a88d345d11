package analytics

import (
	"encoding/binary"
	"fmt"
	"time"
)

// sentArray is an array as PostgreSQL sends it: single elements are read where they stand. An answer about a hundred
// accounts reads tens of thousands of them, and pgx decodes each through several interfaces. It is gone with the row.
type sentArray []byte

// Before the elements stands how many dimensions there are, whether there are nulls, and the type; then the length and the
// lower bound of the one dimension. Before each element stands its own length.
const (
	noElements    = 3 * 4
	beforeAll     = 5 * 4
	beforeElement = 4
)

// lengthOf checks that an array has one dimension, no nulls, and elements of as many bytes; it returns how many.
func lengthOf(a sentArray, width int) (int, error) {
	if len(a) == noElements && binary.BigEndian.Uint32(a) == 0 {
		return 0, nil
	}
	if n := (len(a) - beforeAll) / (beforeElement + width); n > 0 && binary.BigEndian.Uint32(a) == 1 &&
		binary.BigEndian.Uint32(a[12:]) == uint32(n) && len(a) == beforeAll+n*(beforeElement+width) &&
		binary.BigEndian.Uint32(a[beforeAll:]) == uint32(width) {
		return n, nil
	}
	return 0, fmt.Errorf("an array of %d bytes does not hold elements of %d bytes in one dimension without nulls", len(a), width)
}

func int16At(a sentArray, i int) int16 {
	return int16(binary.BigEndian.Uint16(a[beforeAll+i*(beforeElement+2)+beforeElement:]))
}

func int64At(a sentArray, i int) int64 {
	return int64(binary.BigEndian.Uint64(a[beforeAll+i*(beforeElement+8)+beforeElement:]))
}

// timeAt reads an instant, which is sent in microseconds since 2000.
func timeAt(a sentArray, i int) time.Time {
	return time.UnixMicro(microsecondsIn2000 + int64At(a, i)).UTC()
}

const microsecondsIn2000 = 946_684_800 * 1_000_000
