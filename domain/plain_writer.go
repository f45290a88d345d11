package domain

import (
	"strconv"
	"time"
)

// plainWriter writes JSON byte for byte as encoding/json does, of what needs no escapes. After a failure what it has
// written is worth nothing.
type plainWriter struct {
	out    []byte
	failed bool
}

// raw writes JSON as it stands.
func (w *plainWriter) raw(json string) { w.out = append(w.out, json...) }

// text writes a name and a text; it fails where encoding/json would escape a character.
func (w *plainWriter) text(name, value string) {
	for i := range len(value) {
		if b := value[i]; b < ' ' || b > '~' || b == '"' || b == '\\' || b == '<' || b == '>' || b == '&' {
			w.failed = true
			return
		}
	}
	w.out = append(append(append(append(w.out, name...), '"'), value...), '"')
}

// textIf is text of what is left out when empty.
func (w *plainWriter) textIf(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *plainWriter) number(name string, value int64) {
	w.raw(name)
	w.out = strconv.AppendInt(w.out, value, 10)
}

// count writes a number or null.
func (w *plainWriter) count(name string, value *int64) {
	if value == nil {
		w.raw(name)
		w.raw(`null`)
		return
	}
	w.number(name, *value)
}

// countIf leaves out what is absent.
func (w *plainWriter) countIf(name string, value *int64) {
	if value != nil {
		w.number(name, *value)
	}
}

func (w *plainWriter) truth(name string, value bool) {
	w.raw(name)
	w.out = strconv.AppendBool(w.out, value)
}

// time writes a time in UTC; others are for encoding/json.
func (w *plainWriter) time(name string, value time.Time) {
	if year := value.Year(); value.Location() != time.UTC || year < 0 || year > 9999 {
		w.failed = true
		return
	}
	w.raw(name)
	w.out = append(value.AppendFormat(append(w.out, '"'), time.RFC3339Nano), '"')
}

// timeIf is time of what is left out when nil.
func (w *plainWriter) timeIf(name string, value *time.Time) {
	if value != nil {
		w.time(name, *value)
	}
}

// writeList writes a list as each of its entries writes itself: null for none at all.
func writeList[T any](w *plainWriter, name string, list []T, each func(*plainWriter, *T)) {
	w.raw(name)
	if list == nil {
		w.raw(`null`)
		return
	}
	separator := `[`
	for i := range list {
		w.raw(separator)
		each(w, &list[i])
		separator = `,`
	}
	if len(list) == 0 {
		w.raw(`[`)
	}
	w.raw(`]`)
}

// written is what was written, unless it failed.
func (w *plainWriter) written() ([]byte, bool) { return w.out, !w.failed }
