package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// Processes that start together migrate one after the other; none fails because of another.
func TestUpOfManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "drop schema lb cascade")
	require.NoError(t, err)
	for range 5 {
		var starts errgroup.Group
		for range 8 {
			starts.Go(func() error { return migrations.Up(t.Context(), db.URL) })
		}
		require.NoError(t, starts.Wait())
	}
	_, err = db.Pool.Exec(t.Context(), "select * from tSAccountIns")
	require.NoError(t, err)
}

// Once an owner has migrated, a role that may only read and write rows can start the service.
func TestUpWithNothingToDoNeedsNoRights(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	asWriter := db.WriterURL(t, migrations.Derived, migrations.Kept)
	require.NoError(t, migrations.Up(t.Context(), asWriter))
	_, err := db.Pool.Exec(t.Context(), "drop schema lb cascade")
	require.NoError(t, err)
	require.ErrorContains(t, migrations.Up(t.Context(), asWriter), "create schema lb", "what is to be done is said")
}
