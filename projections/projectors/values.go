package projectors

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// instant is a time as PostgreSQL gives it back: UTC, whole microseconds. Rows are kept by time before
// they are written; two spellings of one instant would be two rows of one key, which no statement takes.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// nullIfZero is null for "" and the zero time.
func nullIfZero[V comparable](value V) any {
	var zero V
	if value == zero {
		return nil
	}
	return value
}

// maxIndexed bounds, in bytes, a text that becomes part of an index entry with one or two others of
// its kind: PostgreSQL refuses entries above some 2,700 bytes, at every try alike.
const maxIndexed = 1000

// indexable refuses envelope texts that no index holds; those of payloads are checked by Validate.
func indexable(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("a text of the envelope has %d bytes, at most %d fit", len(text), maxIndexed)}
		}
	}
	return nil
}

// errMisplaced parks an event of a known type on a topic where it does not belong.
func errMisplaced(ev fold.Event) error {
	return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("events of type %s do not belong on topic %s", ev.Envelope.Type, ev.Topic)}
}

// loadsNothing is the part of a fold that needs no stored row, or none that only the first answers tell.
type loadsNothing struct{}

func (loadsNothing) Load(*pgx.Batch, []fold.Event) {}

func (loadsNothing) LoadMore(context.Context, pgx.Tx) error { return nil }

// All are the projectors of this program, one for each projection. dashboardPartitions is for [Dashboards].
func All(dashboardPartitions int32) []fold.Projector {
	return []fold.Projector{Dashboards(dashboardPartitions), AccountInsights, PostInsights, Contents, Directory, Operations}
}
