package projectors_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// The state of a connection is that of its latest change, whatever order the changes come in; the
// trail holds every record once.
func TestOperationsAnyOrderGivesTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		var events []fold.Event
		latest := map[int64]fold.Event{}
		for i := range rapid.IntRange(1, 20).Draw(t, "events") {
			at := day0.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Hour)
			change := domain.ConnectionStateChanged{
				ConnectionID: rapid.Int64Range(1, 2).Draw(t, "connection"), Platform: domain.Facebook,
				State: fmt.Sprint("state", i), At: spelling(t, at),
			}
			ev := foldtest.Event(rapid.SampledFrom([]string{"a", "B", "_"}).Draw(t, "id")+fmt.Sprint(i), change)
			ev.Key, ev.Offset = agencyA, int64(i)
			events = append(events, ev)
			present, ok := latest[change.ConnectionID]
			if !ok || beats(change.At, ev.Envelope.ID, present.Data.(domain.ConnectionStateChanged).At, present.Envelope.ID) {
				latest[change.ConnectionID] = ev
			}
		}
		requireAnyOrder(t, db, projectors.Operations{}, events)
		rows, err := db.Pool.Query(context.Background(), "select connection_id, state from connection_states")
		require.NoError(t, err)
		list, err := collect[struct {
			ID    int64
			State string
		}](rows)
		require.NoError(t, err)
		require.Len(t, list, len(latest))
		for _, r := range list {
			require.Equal(t, latest[r.ID].Data.(domain.ConnectionStateChanged).State, r.State)
		}
	})
}
