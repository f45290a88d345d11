package platforms

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// The following types decode leniently: a value with an unexpected shape affects only its field,
// never the whole answer. Their UnmarshalJSON methods never fail.

// maxNumber bounds the absolute value of numbers. No platform counts that high, a larger number
// would make the whole reading invalid, and thousands of such numbers can be added within 64 bits.
const maxNumber = 1_000_000_000_000_000

// maxUnixTime is a time in the year 2106, in Unix seconds. A later time is invalid.
const maxUnixTime = 2 * math.MaxInt32

// count is an integer in one of the platforms' notations: 12, 12.0 or "12". Any other value, and a
// number beyond [maxNumber], decodes as absent, not as 0.
type count struct {
	n  int64
	ok bool
}

func (c *count) UnmarshalJSON(raw []byte) error {
	*c = count{}
	s := string(bytes.Trim(bytes.TrimSpace(raw), `"`))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		*c = bounded(n)
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err == nil && f == math.Trunc(f) && math.Abs(f) <= maxNumber {
		*c = count{n: int64(f), ok: true}
	}
	return nil
}

func bounded(n int64) count {
	if n > maxNumber || n < -maxNumber {
		return count{}
	}
	return count{n: n, ok: true}
}

// ptr returns the number, or nil if it is absent or negative: -1 has been used for what is not known.
func (c count) ptr() *int64 {
	if c.n < 0 {
		return nil
	}
	return c.signed()
}

// signed is ptr for numbers that the platform documents as negative.
func (c count) signed() *int64 {
	if !c.ok {
		return nil
	}
	n := c.n
	return &n
}

// text is a string or a number as it was written (IDs exceed 2^53). Any other value decodes as "".
// NUL characters are removed: PostgreSQL cannot store them, and the reading would be parked.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	*t = ""
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			*t = text(strings.ReplaceAll(s, "\x00", ""))
		}
		return nil
	}
	if raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9') {
		*t = text(raw)
	}
	return nil
}

type flag bool

func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = string(bytes.Trim(bytes.TrimSpace(raw), `"`)) == "true"
	return nil
}

// amount is a number, or an object with a breakdown.
type amount struct {
	number count
	parts  map[string]count
}

func (a *amount) UnmarshalJSON(raw []byte) error {
	*a = amount{}
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '{' {
		var parts map[string]count
		if json.Unmarshal(raw, &parts) == nil {
			a.parts = parts
		}
		return nil
	}
	return a.number.UnmarshalJSON(raw)
}

// total returns the number or the sum of the parts. It is absent for an empty object, for a part
// that is not an integer, and for a sum beyond [maxNumber].
func (a amount) total() count {
	if a.parts == nil {
		return a.number
	}
	sum := count{ok: len(a.parts) > 0}
	for _, part := range a.parts {
		if sum = bounded(sum.n + part.n); !part.ok || !sum.ok {
			return count{}
		}
	}
	return sum
}

// list decodes the elements of an array separately and omits those of the wrong shape. A value that
// is not an array is an empty list.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return nil //nolint:nilerr // absent, as the type says
	}
	for _, element := range elements {
		var v T
		if json.Unmarshal(element, &v) == nil {
			*l = append(*l, v)
		}
	}
	return nil
}

// completeList is a list that reports whether it is complete, so that the absence of an element has
// a meaning.
type completeList[T any] struct {
	list list[T]
	ok   bool // the value was an array, and every element had the expected shape
}

func (c *completeList[T]) UnmarshalJSON(raw []byte) error {
	var elements []json.RawMessage
	_ = c.list.UnmarshalJSON(raw)
	isArray := bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) && json.Unmarshal(raw, &elements) == nil
	c.ok = isArray && len(elements) == len(c.list)
	return nil
}

// maybe is an object that may be absent or of the wrong shape.
type maybe[T any] struct {
	v  T
	ok bool
}

func (m *maybe[T]) UnmarshalJSON(raw []byte) error {
	*m = maybe[T]{}
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &m.v) == nil {
		m.ok = true
	}
	return nil
}

// metaTime parses a time with or without a colon in the offset. It returns the zero time if the
// time is invalid or beyond [maxUnixTime]. Any past time is valid, because pages may backdate
// posts.
func metaTime(s text) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(layout, string(s)); err == nil && t.UTC().Year() > 0 && t.Unix() <= maxUnixTime {
			return t.UTC()
		}
	}
	return time.Time{}
}

// unixTime converts Unix seconds. It returns the zero time if the time is missing or beyond
// [maxUnixTime].
func unixTime(seconds count) time.Time {
	return milliTime(count{n: seconds.n * 1000, ok: seconds.ok})
}

func milliTime(milliseconds count) time.Time {
	if !milliseconds.ok || milliseconds.n <= 0 || milliseconds.n/1000 > maxUnixTime {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds.n).UTC()
}

// plainID reports whether id consists of letters, digits and the given extra characters, and does
// not contain "..", so that it is safe in a path.
func plainID(id, extra string) bool {
	if id == "" || len(id) > 255 || strings.Contains(id, "..") {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
