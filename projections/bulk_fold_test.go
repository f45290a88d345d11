package projections_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func parkedLines(t require.TestingT, db *pgtest.DB, p fold.Projector) []string {
	rows, err := db.Pool.Query(context.Background(), `
		select format('%s/%s %s %s %s %s %s', partition, log_offset, stream_key, event_type, event_id, reason, state)
		from parked where projection = $1 order by partition, log_offset`, p.Name())
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}

// foldInBulk fills empty tables in bulk and returns them with what is parked.
func foldInBulk(
	t require.TestingT, db *pgtest.DB, topics []eventlog.TopicSpec, p fold.Projector, log *memLog,
	refused func(fold.Event) *fold.ParkError,
) []string {
	ctx := context.Background()
	db.Delete(t, p.Tables()...)
	var bulked projections.Bulked
	err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) (err error) {
		bulked, err = projections.FoldInBulk(ctx, projections.Config{
			Projector: p, Log: log.reader(0), DatabaseURL: db.URL, Pool: db.Pool, Topics: topics, Registry: domain.NewRegistry(), Logger: quiet,
		}, log.ends(), tx, refused)
		return err
	})
	require.NoError(t, err)
	return append(foldtest.Dump(t, db, p.Tables()...), bulked.Parked...)
}

// refusedLike refuses what [folding.write] refused live: what the fold itself refuses does not come so far.
func refusedLike(t require.TestingT, live *pgtest.DB, p fold.Projector) func(fold.Event) *fold.ParkError {
	reasons := map[string]string{}
	rows, err := live.Pool.Query(context.Background(), `select event_id, reason from parked where projection = $1`, p.Name())
	require.NoError(t, err)
	var id, reason string
	_, err = pgx.ForEachRow(rows, []any{&id, &reason}, func() error {
		reasons[id] = reason
		return nil
	})
	require.NoError(t, err)
	return func(ev fold.Event) *fold.ParkError {
		reason, parked := reasons[ev.Envelope.ID]
		if !strings.HasSuffix(ev.Envelope.ID, "!") || parked && reason != string(fold.ReasonWrite) {
			return nil
		}
		return &fold.ParkError{Reason: fold.ReasonWrite}
	}
}

// copyEvent folds an event in bulk and hands over its rows.
func copyEvent(t *testing.T, db *pgtest.DB, p fold.Projector, ev fold.Event) {
	t.Helper()
	bulk, ok := p.Begin(1).(fold.Bulk)
	require.True(t, ok)
	require.NoError(t, bulk.Apply(ev))
	require.NoError(t, pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error { return fold.HandOver(t.Context(), bulk, tx, true) }))
}

// A connection that came to another agency has states in two partitions, which a rebuild folds apart. The keys of the
// table leave the state that a live fold leaves.
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
	p := projectors.Operations{}
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
			copyEvent(t, bulk, p, order[0])
			copyEvent(t, bulk, p, order[1])
			_, keys, found := strings.Cut(p.Definition().Keys(), "-- Partitions are folded apart")
			require.True(t, found)
			_, err = bulk.Pool.Exec(ctx, "-- "+keys)
			require.NoError(t, err)
			require.Equal(t, foldtest.Dump(t, live, "connection_states"), foldtest.Dump(t, bulk, "connection_states"))
		}
	}
}
