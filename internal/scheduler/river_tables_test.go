package scheduler_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func TestMigrateBySeveralProcessesAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return scheduler.Migrate(t.Context(), db.URL) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, scheduler.Migrate(t.Context(), db.URL))
	require.Zero(t, rows(t, db.Pool, "true"))

	var elsewhere int
	row := db.Pool.QueryRow(t.Context(), `
		select count(*) from information_schema.tables where table_name like 'river%' and table_schema <> 'river'`)
	require.NoError(t, row.Scan(&elsewhere))
	require.Zero(t, elsewhere)
}

// Once an owner has migrated, a role that may only read and write rows can start the service.
func TestMigrateWithNothingToDoNeedsNoRights(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, scheduler.Migrate(t.Context(), db.URL))
	require.NoError(t, scheduler.Migrate(t.Context(), db.WriterURL(t, scheduler.Schema)))
}
