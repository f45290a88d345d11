package pg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// A pool that commits asynchronously waits for the disk all the same where it is asked to, and only there.
func TestDurablyWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	setting := func(tx pgx.Tx) (value string, err error) {
		err = tx.QueryRow(t.Context(), `show synchronous_commit`).Scan(&value)
		return value, err
	}
	require.NoError(t, pg.Durably(t.Context(), db.Pool, func(tx pgx.Tx) error {
		value, err := setting(tx)
		require.Equal(t, "on", value)
		return err
	}))
	require.NoError(t, pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		value, err := setting(tx)
		require.Equal(t, "off", value)
		return err
	}))
}
