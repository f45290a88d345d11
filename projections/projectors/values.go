package projectors

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// instant returns a time as PostgreSQL returns it, in UTC and whole microseconds. Rows are keyed by
// time before they are written: two forms of the same instant would become two rows with the same
// key, and the statement would fail.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func nullIfZero[V comparable](value V) any {
	var zero V
	if value == zero {
		return nil
	}
	return value
}

// maxIndexed is the maximum size, in bytes, of a text that shares an index entry with one or two
// others. PostgreSQL refuses entries above about 2,700 bytes.
const maxIndexed = 1000

// indexable returns an error if texts of an envelope are too long for an index. The Validate
// methods check the texts of payloads.
func indexable(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return fold.Refuse("too_long", "bytes", strconv.Itoa(len(text)), "maximum", strconv.Itoa(maxIndexed))
		}
	}
	return nil
}

// errMisplaced refuses an event of a known type on a topic where it does not belong.
var errMisplaced = fold.Refuse("misplaced")

// errWrongKey refuses an event whose key is not that of its payload.
var errWrongKey = fold.Refuse("wrong_key")

// loadsNothing is embedded in folds that need no stored rows, or that load all of them in Load.
type loadsNothing struct{}

func (loadsNothing) Load(*pgx.Batch, []fold.Event) {}

func (loadsNothing) LoadMore(context.Context, pgx.Tx) error { return nil }

// All returns the projectors of this program.
func All() []fold.Projector {
	return []fold.Projector{Dashboards, AccountInsights, PostInsights, Contents, Directory, Operations}
}

// later reports whether a reading replaces the present one. The later capture time wins and, at the
// same instant, the smaller event id.
func later(at time.Time, id string, presentAt time.Time, presentID string) bool {
	if !at.Equal(presentAt) {
		return at.After(presentAt)
	}
	return id < presentID
}

// byCapture is the order of records of `metrics`: first those that are no readings, such as erasures,
// then readings by their capture times and, at the same instant, by event ids.
func byCapture(r eventlog.Record) []byte {
	at, ok := capturedAt(r.Value)
	if !ok {
		return nil // not a reading, or a dead letter
	}
	const epoch = 1 << 63 // so that times before 1970 have smaller bytes
	order := binary.BigEndian.AppendUint64(make([]byte, 0, 64), uint64(instant(at).UnixMicro())+epoch)
	return append(order, r.Header("ce_id")...)
}

// capturedAt reads a payload up to its capture time; false if it has none. Decoding all of it would
// take three times as long.
func capturedAt(payload []byte) (at time.Time, ok bool) {
	in := jsontext.NewDecoder(bytes.NewBuffer(payload))
	if _, err := in.ReadToken(); err != nil { // {
		return at, false
	}
	for {
		name, err := in.ReadToken()
		if err != nil || name.Kind() != '"' {
			return at, false
		}
		if name.String() != "captured_at" {
			if in.SkipValue() != nil {
				return at, false
			}
			continue
		}
		value, err := in.ReadToken()
		if err == nil {
			at, err = time.Parse(time.RFC3339, value.String())
		}
		return at, err == nil
	}
}

// smallerID returns a condition that compares event ids bytewise, as Go does, whatever the
// collation of the database.
func smallerID(table string) string {
	return fmt.Sprintf(`excluded.event_id collate "C" < %s.event_id collate "C"`, table)
}
