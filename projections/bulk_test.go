package projections_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// foldBulk folds events as a rebuild does: applied one by one, copied now and then and at the end, into empty tables.
func foldBulk(t require.TestingT, db *pgtest.DB, p projections.Projector, chunks [][]projections.Event) {
	ctx := context.Background()
	require.NoError(t, pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
		fold, ok := p.Begin(1).(projections.Bulk)
		require.True(t, ok)
		for i, chunk := range chunks {
			for _, ev := range chunk {
				if err := fold.Apply(ev); err != nil {
					return err
				}
			}
			if err := projections.HandOver(ctx, fold, tx, i == len(chunks)-1); err != nil {
				return err
			}
		}
		return nil
	}))
}

// A rebuild gives the tables that live projection gives, row by row.
func TestBulkGivesTheTablesOfTheLiveFold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		projector projections.Projector
		draw      func(*rapid.T) []projections.Event
		tables    []string
	}{
		{projections.PostInsights{}, drawPostEvents, postTables},
		{projections.AccountInsights{}, drawAccountEvents, projections.AccountInsights{}.Tables()},
	} {
		t.Run(c.projector.Name(), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			rapid.Check(t, func(t *rapid.T) {
				events := c.draw(t)
				for i := range events { // ids are mostly UUIDs, and packed as such
					if rapid.Bool().Draw(t, "uuid") {
						events[i].Envelope.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(events[i].Envelope.ID)).String()
					}
				}
				empty := func() {
					_, err := db.Pool.Exec(context.Background(), "truncate "+strings.Join(c.projector.Tables(), ", "))
					require.NoError(t, err)
				}
				empty()
				foldBatches(t, db, c.projector, cut(t, events))
				want := dump(t, db, c.tables...)
				empty()
				foldBulk(t, db, c.projector, cut(t, append(events, events[:rapid.IntRange(0, len(events)).Draw(t, "duplicates")]...)))
				require.Equal(t, want, dump(t, db, c.tables...))
			})
		})
	}
}
