package legacy

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Row is one row of a file. It collects invalid fields, so that an error lists every fault of the
// row.
type Row struct {
	Line int
	Raw  []byte // set by [ReadLines]; valid until the next row

	zone   *time.Location
	fields map[string]any // by [columnKey]: nil (absent), string, json.Number, bool, []any, or an object
	faults []error
	secret bool // faults must not show values
}

func columnKey(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "_", ""))
}

func (r *Row) err() error { return errors.Join(r.faults...) }

func (r *Row) fault(name string, reason error) {
	r.faults = append(r.faults, fmt.Errorf("%s %w", name, reason))
}

// shown returns a value as a fault may quote it.
func (r *Row) shown(text string) string {
	if r.secret {
		return notShown
	}
	return fmt.Sprintf("%.40q", strings.TrimSpace(text))
}

// parser reads a value. Its error says what is wrong and quotes the value as shown.
type parser[T any] func(text, shown string) (T, error)

// field reads a field under the first of its names that the row has. It returns nil if the field is
// absent or invalid.
func field[T any](r *Row, parse parser[T], names ...string) *T {
	for _, name := range names {
		v := r.fields[columnKey(name)]
		if v == nil {
			continue
		}
		text, ok := scalar(v)
		if !ok {
			r.fault(name, errors.New("is not a single value"))
			return nil
		}
		value, err := parse(text, r.shown(text))
		if err != nil {
			r.fault(name, err)
			return nil
		}
		return &value
	}
	return nil
}

func optional[T any](r *Row, parse parser[T], names ...string) (value T) {
	if v := field(r, parse, names...); v != nil {
		value = *v
	}
	return value
}

func required[T any](r *Row, parse parser[T], names ...string) (value T) {
	faults := len(r.faults)
	v := field(r, parse, names...)
	if v != nil {
		return *v
	}
	if len(r.faults) == faults {
		r.fault(names[0], errMissing)
	}
	return value
}

var errMissing = errors.New("is missing")

// list reads a list; nil if it is absent. An invalid element is a fault of the row.
func list[T any](r *Row, parse parser[T], name string) []T {
	v := r.fields[columnKey(name)]
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		r.fault(name, errors.New("is not a list of single values"))
		return nil
	}
	values := make([]T, 0, len(items))
	for i, item := range items {
		text, ok := scalar(item)
		value, err := parse(text, r.shown(text))
		switch {
		case item == nil:
			err = errors.New("is null")
		case !ok:
			err = errors.New("is not a single value")
		}
		if err != nil {
			r.fault(fmt.Sprintf("%s[%d]", name, i), err)
			continue
		}
		values = append(values, value)
	}
	return values
}

// scalar returns a single value as written; ok is false for lists, objects and null.
func scalar(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", false
	}
}

func asIs(text, _ string) (string, error) { return text, nil }

func filled(text, _ string) (string, error) {
	if text == "" {
		return "", errMissing
	}
	return text, nil
}

// integer reads an integer. It accepts 12.0, which some exports contain.
func integer(text, shown string) (int64, error) {
	text = strings.TrimSpace(text)
	if whole, zeros, cut := strings.Cut(text, "."); cut && strings.Trim(zeros, "0") == "" {
		text = whole
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not an integer", shown)
	}
	return n, nil
}

func positive(text, shown string) (int64, error) {
	n, err := integer(text, shown)
	if err == nil && n <= 0 {
		err = fmt.Errorf("is %d; IDs are positive", n)
	}
	return n, err
}

func hexID(text, shown string) (string, error) {
	id, ok := domain.HexID(strings.TrimSpace(text))
	if !ok {
		return "", fmt.Errorf("%s is not an ID of 24 hex digits", shown)
	}
	return id, nil
}

func truth(text, shown string) (bool, error) {
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	if err != nil {
		return false, fmt.Errorf("%s is neither true nor false", shown)
	}
	return b, nil
}

func platform(text, shown string) (domain.Platform, error) {
	n, err := positive(text, shown)
	p := domain.Platform(n)
	if err == nil && !p.Valid() {
		err = fmt.Errorf("is %d; use one of %s", n, domain.PlatformNumbers())
	}
	return p, err
}

func accountType(text, shown string) (domain.AccountType, error) {
	n, err := integer(text, shown)
	known := func(p domain.Platform) bool {
		_, known := p.Kind(domain.AccountType(n))
		return known
	}
	if err == nil && !slices.ContainsFunc(domain.Platforms(), known) {
		err = fmt.Errorf("is %d; use one of %s; use 0 for other platforms", n, domain.AccountTypeNumbers())
	}
	return domain.AccountType(n), err
}

// AccountRef identifies an account in a legacy row, by its ID or its row ID. The zero value
// identifies none.
type AccountRef struct {
	ID    string // 24 hex digits in lower case
	RowID int64
}

func account(text, shown string) (AccountRef, error) {
	text = strings.TrimSpace(text)
	if id, ok := domain.HexID(text); ok {
		return AccountRef{ID: id}, nil
	}
	row, err := strconv.ParseInt(text, 10, 64)
	if err != nil || row <= 0 {
		return AccountRef{}, fmt.Errorf("%s is neither an ID of 24 hex digits nor a row ID", shown)
	}
	return AccountRef{RowID: row}, nil
}

// zoned and local are the time formats with and without a zone.
var (
	zoned = []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999Z07:00",
		"2006-01-02 15:04:05.999999999 -0700",
	}
	local = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly}
)

// unixMillisFrom is the number from which Unix times are taken as milliseconds. In seconds, it
// would be in the year 5138.
const unixMillisFrom = 100_000_000_000

// time reads a time and returns it in UTC with microsecond precision, as in PostgreSQL. MySQL's
// zero date and years that JSON cannot represent are refused.
func (r *Row) time(text, shown string) (time.Time, error) {
	at, ok := parseTime(strings.TrimSpace(text), r.zone)
	at = at.UTC().Truncate(time.Microsecond)
	if !ok || at.Year() < 1 || at.Year() > 9999 {
		return at, fmt.Errorf(
			"%s is not a time (2026-03-14T12:00:00Z, 2026-03-14 12:00:00, or Unix seconds or milliseconds)", shown)
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

// createdAt returns the creation time in the first four bytes of an ObjectId.
func createdAt(objectID string) time.Time {
	raw, err := hex.DecodeString(objectID)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint32(raw)), 0).UTC()
}
