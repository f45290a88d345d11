package projectors_test

import (
	"context"
	"fmt"
	"strings"
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

// The state of a connection is the one of its latest change; the trail has every record once.
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
		requireAnyOrder(t, db, projectors.Operations, events)
		type row struct {
			ID    int64
			State string
		}
		list := collect[row](t, db, "select connection_id, state from connection_states")
		require.Len(t, list, len(latest))
		for _, r := range list {
			require.Equal(t, latest[r.ID].Data.(domain.ConnectionStateChanged).State, r.State)
		}
	})
}

// A connection that moved to another agency has states in two partitions, which may be folded
// separately.
func TestKeysDropTheOlderStateOfAConnection(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	live, bulk := pgtest.New(t), pgtest.New(t)
	offset := int64(0)
	change := func(id, parent string, hour int) fold.Event {
		offset++
		ev := foldtest.Event(id, domain.ConnectionStateChanged{
			ConnectionID: 1, Platform: domain.Facebook, State: id, At: day0.Add(time.Duration(hour) * time.Hour),
		})
		ev.Key, ev.Offset = parent, offset
		return ev
	}
	p := projectors.Operations
	for _, pair := range [][2]fold.Event{
		{change("old", agencyA, 1), change("new", agencyB, 2)},
		{change("a", agencyA, 3), change("B", agencyB, 3)}, // the smaller id wins
	} {
		for _, order := range [][]fold.Event{{pair[0], pair[1]}, {pair[1], pair[0]}} {
			_, err := bulk.Pool.Exec(ctx, "truncate connection_states, operations_trail; alter table connection_states drop constraint connection_states_pkey")
			require.NoError(t, err)
			_, err = live.Pool.Exec(ctx, "truncate connection_states")
			require.NoError(t, err)
			foldtest.Batches(t, live, p, [][]fold.Event{order})
			foldBulk(t, bulk, p, [][]fold.Event{order[:1]})
			foldBulk(t, bulk, p, [][]fold.Event{order[1:]})
			_, keys, found := strings.Cut(p.Definition.Keys(), "-- A bulk fold may fold partitions")
			require.True(t, found)
			_, err = bulk.Pool.Exec(ctx, "-- "+keys)
			require.NoError(t, err)
			require.Equal(t, foldtest.Dump(t, live, "connection_states"), foldtest.Dump(t, bulk, "connection_states"))
		}
	}
}
