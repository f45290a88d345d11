package legacy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Row is one row of a file. Its methods read a field under the first of its names that the row has,
// and note what is wrong with it, so that [Row.Err] names every fault of the row at once.
type Row struct {
	Line int
	Raw  []byte // of [ReadLines], until its handler returns

	zone   *time.Location
	fields map[string]value
	faults []error
	secret bool // no fault may show a value
}

func newRow(line int, zone *time.Location) *Row {
	return &Row{Line: line, zone: zone, fields: map[string]value{}}
}

// put notes a field; false when the row has it already.
func (r *Row) put(name string, v value) bool {
	key := columnKey(name)
	if _, twice := r.fields[key]; twice {
		return false
	}
	r.fields[key] = v
	return true
}

// columnKey is a column's name without case and underscores.
func columnKey(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "_", ""))
}

// Err joins the faults of the fields that were read so far; nil when there are none.
func (r *Row) Err() error { return errors.Join(r.faults...) }

func (r *Row) faultf(name, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s "+format, append([]any{name}, args...)...))
}

// shown is a value as a fault may quote it.
func (r *Row) shown(text string) string {
	if r.secret {
		return "(not shown)"
	}
	return fmt.Sprintf("%.40q", text)
}

// scalar returns a field's text; ok is false when it is absent, or none.
func (r *Row) scalar(names ...string) (name, text string, ok bool) {
	for _, name := range names {
		v, has := r.fields[columnKey(name)]
		if !has || v.absent {
			continue
		}
		if v.isList || v.odd {
			r.faultf(name, "is not a single value")
			return name, "", false
		}
		return name, v.text, true
	}
	return names[0], "", false
}

// Text reads an optional text; "" when it is absent.
func (r *Row) Text(names ...string) string {
	_, text, _ := r.scalar(names...)
	return text
}

// Int reads an optional whole number; nil when it is absent. 12.0, as some exports write integers, is 12.
func (r *Row) Int(names ...string) *int64 {
	name, text, ok := r.scalar(names...)
	if !ok {
		return nil
	}
	text = strings.TrimSpace(text)
	if whole, zeros, cut := strings.Cut(text, "."); cut && strings.Trim(zeros, "0") == "" {
		text = whole
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.faultf(name, "%s is not a whole number", r.shown(text))
		return nil
	}
	return &n
}

// ID reads a required positive number.
func (r *Row) ID(names ...string) int64 {
	n := r.Int(names...)
	switch {
	case n == nil:
		r.missing(names...)
		return 0
	case *n <= 0:
		r.faultf(names[0], "is %d; ids are positive", *n)
		return 0
	default:
		return *n
	}
}

// missing notes that a required field is absent, unless it is there and wrong.
func (r *Row) missing(names ...string) {
	for _, name := range names {
		if v, has := r.fields[columnKey(name)]; has && !v.absent {
			return // its own fault stands already
		}
	}
	r.faultf(names[0], "is missing")
}

// HexID reads a required id of 24 hex digits, in lower case.
func (r *Row) HexID(names ...string) string {
	name, text, ok := r.scalar(names...)
	if !ok {
		r.missing(names...)
		return ""
	}
	id, ok := domain.HexID(strings.TrimSpace(text))
	if !ok {
		r.faultf(name, "%s is not an id of 24 hex digits", r.shown(text))
	}
	return id
}

// HexIDs reads a list of ids; nil when it is absent. Ids that are none are faults of the row.
func (r *Row) HexIDs(name string) []string {
	var ids []string
	for i, text := range r.Texts(name) {
		id, ok := domain.HexID(strings.TrimSpace(text))
		if !ok {
			r.faultf(fmt.Sprintf("%s[%d]", name, i), "%s is not an id of 24 hex digits", r.shown(text))
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// Texts reads a list of texts; nil when it is absent.
func (r *Row) Texts(name string) []string {
	v, has := r.fields[columnKey(name)]
	if !has || v.absent {
		return nil
	}
	if !v.isList || v.odd {
		r.faultf(name, "is not a list of single values")
		return nil
	}
	texts := make([]string, 0, len(v.list))
	for i, item := range v.list {
		if item.absent {
			r.faultf(fmt.Sprintf("%s[%d]", name, i), "is null")
			continue
		}
		texts = append(texts, item.text)
	}
	return texts
}

// Bool reads an optional truth value: true, false, 1 or 0; nil when it is absent.
func (r *Row) Bool(names ...string) *bool {
	name, text, ok := r.scalar(names...)
	if !ok {
		return nil
	}
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	if err != nil {
		r.faultf(name, "%s is neither true nor false", r.shown(text))
		return nil
	}
	return &b
}

// Time reads an optional time, in UTC and whole microseconds; nil when it is absent.
func (r *Row) Time(names ...string) *time.Time {
	name, text, ok := r.scalar(names...)
	if !ok {
		return nil
	}
	at, ok := parseTime(text, r.zone)
	if !ok {
		r.faultf(name, "%s is not a time (2026-03-14T12:00:00Z, 2026-03-14 12:00:00, or Unix seconds or milliseconds)", r.shown(text))
		return nil
	}
	return &at
}

// Platform reads a required pId.
func (r *Row) Platform() domain.Platform {
	p := domain.Platform(r.ID("pId", "platformId"))
	if p != 0 && !p.Valid() {
		r.faultf("pId", "is %d; platforms are 1 (Facebook), 3 (Instagram), 4 (LinkedIn) and 6 (TikTok)", int(p))
	}
	return p
}

// AccountType reads an optional aType; absent is 0.
func (r *Row) AccountType() domain.AccountType {
	n := r.Int("aType", "accountType")
	if n == nil {
		return 0
	}
	t := domain.AccountType(*n)
	if t < 0 || t > domain.LinkedInCompanyPage {
		r.faultf("aType", "is %d; use 1 (profile) or 2 (company page) for LinkedIn, 0 elsewhere", *n)
	}
	return t
}

// Account reads an optional account, by its id or its row id.
func (r *Row) Account(names ...string) AccountRef {
	name, text, ok := r.scalar(names...)
	if !ok {
		return AccountRef{}
	}
	text = strings.TrimSpace(text)
	if id, ok := domain.HexID(text); ok {
		return AccountRef{ID: id}
	}
	row, err := strconv.ParseInt(text, 10, 64)
	if err != nil || row <= 0 {
		r.faultf(name, "%s is neither an id of 24 hex digits nor a row id", r.shown(text))
		return AccountRef{}
	}
	return AccountRef{RowID: row}
}

// AccountRef names an account as an old row does; the zero value names none.
type AccountRef struct {
	ID    string // 24 hex digits in lower case
	RowID int64
}
