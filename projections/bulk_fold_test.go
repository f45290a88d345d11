package projections_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// bulks are the projectors that can be folded in bulk.
func bulks() []fold.Projector {
	return slices.DeleteFunc(every(), func(p fold.Projector) bool {
		_, ok := p.Begin(1).(fold.Bulk)
		return !ok
	})
}

// A whole topic that is folded in bulk, without reading a row, gives the tables and the parked records of a live fold.
func TestBulkEqualsTheLiveFold(t *testing.T) {
	t.Parallel()
	topics := testTopics(t)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test")
	live, bulk := pgtest.New(t), pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(bulks()).Draw(t, "projection")
		log := drawLog(t, codec, p)
		f := folding{db: live, topics: topics, projector: p}
		f.run(t, &reader{memLog: log})
		want := append(foldtest.Dump(t, live, p.Tables()...), parkedLines(t, live, p)...)
		got := foldInBulk(t, bulk, topics, p, log, refusedLike(t, live, p))
		if !slices.Equal(want, got) {
			fmt.Fprintf(os.Stderr, "bulk of %s:\nwant\n  %s\ngot\n  %s\n", p.Name(), strings.Join(want, "\n  "), strings.Join(got, "\n  "))
		}
		require.Equal(t, want, got)
	})
}

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
	var bulked projections.Bulked
	err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "truncate "+strings.Join(p.Tables(), ", ")); err != nil {
			return err
		}
		var err error
		bulked, err = projections.FoldInBulk(ctx, projections.Config{
			Projector: p, Log: &reader{memLog: log}, DatabaseURL: db.URL, Pool: db.Pool, Topics: topics, Registry: domain.NewRegistry(), Logger: quiet,
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

// copyBatches folds events in bulk and hands over rows after each batch.
func copyBatches(t *testing.T, db *pgtest.DB, p fold.Projector, batches ...[]fold.Event) {
	t.Helper()
	ctx := context.Background()
	bulk, ok := p.Begin(1).(fold.Bulk)
	require.True(t, ok)
	for i, batch := range batches {
		for _, ev := range batch {
			require.NoError(t, bulk.Apply(ev))
		}
		err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error { return fold.HandOver(ctx, bulk, tx, i == len(batches)-1) })
		require.NoError(t, err)
	}
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
			copyBatches(t, bulk, p, order[:1])
			copyBatches(t, bulk, p, order[1:])
			_, keys, found := strings.Cut(p.Definition().Keys(), "-- Partitions are folded apart")
			require.True(t, found)
			_, err = bulk.Pool.Exec(ctx, "-- "+keys)
			require.NoError(t, err)
			require.Equal(t, foldtest.Dump(t, live, "connection_states"), foldtest.Dump(t, bulk, "connection_states"))
		}
	}
}
