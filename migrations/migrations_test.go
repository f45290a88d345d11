package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Processes that start together migrate one after the other; none fails because of another.
func TestUpOfManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "drop schema lb_engine, lb cascade")
	require.NoError(t, err)
	for range 5 {
		var starts errgroup.Group
		for range 8 {
			starts.Go(func() error { return migrations.Up(t.Context(), db.URL) })
		}
		require.NoError(t, starts.Wait())
	}
	_, err = db.Pool.Exec(t.Context(), "select * from lb_engine.generations")
	require.NoError(t, err)
}

// Once an owner has migrated, a role that may only read and write rows can start the service.
func TestUpWithNothingToDoNeedsNoRights(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	asWriter := db.WriterURL(t, migrations.Engine, migrations.Views, migrations.Kept)
	require.NoError(t, migrations.Up(t.Context(), asWriter))
	_, err := db.Pool.Exec(t.Context(), "drop schema lb_engine, lb cascade")
	require.NoError(t, err)
	require.ErrorContains(t, migrations.Up(t.Context(), asWriter), "create schema lb_engine", "the error names the missing step")
}

// A database of an older version is refused with instructions and not changed.
func TestUpRefusesTablesOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	for table, instruction := range map[string]string{
		"lb.schema_migrations":    "drop schema lb cascade",
		"kept.paused_projections": "drop schema kept cascade",
	} {
		db := pgtest.New(t)
		_, err := db.Pool.Exec(t.Context(), "create table "+table+" (id int)")
		require.NoError(t, err)
		require.ErrorContains(t, migrations.Up(t.Context(), db.URL), instruction)
	}
}
