package pg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// All that one snapshot reads is of one moment: a decision must not see the head of one state and the
// dashboards of the next.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "create table moment (n int)")
	require.NoError(t, err)
	err = pg.Snapshot(t.Context(), db.Pool, func(tx pgx.Tx) error {
		for range 2 {
			var n int
			require.NoError(t, tx.QueryRow(t.Context(), "select count(*) from moment").Scan(&n))
			require.Zero(t, n)
			_, err := db.Pool.Exec(t.Context(), "insert into moment values (1)")
			require.NoError(t, err)
		}
		_, err := tx.Exec(t.Context(), "insert into moment values (2)")
		return err
	})
	require.ErrorContains(t, err, "read-only transaction")
}
