package platforms

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// The lenient types: one field of an unexpected shape must cost that field, never the whole answer. Their
// UnmarshalJSON never fails.

// largest bounds a number either way: no platform counts that far, and one that says so would have its
// whole reading refused. A few thousand such numbers can be summed within 64 bits.
const largest = 1_000_000_000_000_000

// latest is the last second of a time, in the year 2106: one beyond it is no time of anything that is there.
const latest = 2 * math.MaxInt32

// count is a whole number as platforms write it: 12, 12.0 or "12". Everything else, and a number beyond
// [largest], is absent, and absent is not 0.
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
	if err == nil && f == math.Trunc(f) && math.Abs(f) <= largest {
		*c = count{n: int64(f), ok: true}
	}
	return nil
}

func bounded(n int64) count {
	if n > largest || n < -largest {
		return count{}
	}
	return count{n: n, ok: true}
}

func (c count) ptr() *int64 {
	if !c.ok {
		return nil
	}
	n := c.n
	return &n
}

// text is a string or a number, kept as it is written (ids beyond 2^53). Everything else is "". NUL
// characters are dropped: PostgreSQL could not store them, and the reading would be parked.
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

// flag is true for true and "true".
type flag bool

func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = string(bytes.Trim(bytes.TrimSpace(raw), `"`)) == "true"
	return nil
}

// amount is the value of an insight: a number, or an object that breaks it down.
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

// total is the number, or the sum of the parts; absent for an empty object, for a part that is not a
// whole number, and for a sum beyond [largest].
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

// list decodes the elements of an array one by one and leaves out those of a wrong shape; something
// else than an array is empty.
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

// whole is a list that knows whether anything of it was left out: only then does what is not in it
// mean something.
type whole[T any] struct {
	list list[T]
	ok   bool // it was an array, and each of its elements had the expected shape
}

func (w *whole[T]) UnmarshalJSON(raw []byte) error {
	var elements []json.RawMessage
	_ = w.list.UnmarshalJSON(raw)
	w.ok = bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) && json.Unmarshal(raw, &elements) == nil && len(elements) == len(w.list)
	return nil
}

// maybe is an object that may be missing or of a wrong shape.
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

// metaTime reads Meta's times, which have no colon in the offset; zero when it is none, or beyond [latest].
// Pages may date a post back as far as they like.
func metaTime(s text) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(layout, string(s)); err == nil && t.UTC().Year() > 0 && t.Unix() <= latest {
			return t.UTC()
		}
	}
	return time.Time{}
}

// unixTime reads seconds since 1970; zero when there are none or they are beyond [latest].
func unixTime(seconds count) time.Time {
	return milliTime(count{n: seconds.n * 1000, ok: seconds.ok})
}

// milliTime is [unixTime] for milliseconds.
func milliTime(milliseconds count) time.Time {
	if !milliseconds.ok || milliseconds.n <= 0 || milliseconds.n/1000 > latest {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds.n).UTC()
}

// plainID reports whether id is made of letters, digits and the given extra characters and can stand
// in a path as it is; ".." cannot.
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
