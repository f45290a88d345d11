package projectors_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Logical replication refuses updates and deletions of rows that nothing identifies. Tables with
// rows get their keys as in a rebuild, and in the end each table has a primary key.
func TestTablesWorkUnderPublicationForAllTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin, err := pgx.Connect(t.Context(), db.Superuser())
	require.NoError(t, err)
	defer admin.Close(t.Context())
	_, err = admin.Exec(t.Context(), "drop publication if exists everything; create publication everything for all tables")
	require.NoError(t, err)
	for _, p := range projectors.All() {
		schema := "lb_" + p.Name + "_g7"
		_, err := admin.Exec(t.Context(), "create schema "+schema+"; set search_path = "+schema+", "+migrations.Engine+";"+p.Definition.Tables())
		require.NoError(t, err)
		if p.Name == projectors.Operations.Name {
			_, err := admin.Exec(t.Context(), `insert into connection_states
				select 1, 0, 'a', 1, null, at, since, 'e' || n from generate_series(1, 2) n, to_timestamp(n) at, to_timestamp(n) since`)
			require.NoError(t, err)
		}
		for _, keys := range p.Definition.KeysByTable() {
			_, err := admin.Exec(t.Context(), keys.SQL)
			require.NoError(t, err, keys.Table)
		}
	}
	var event string
	require.NoError(t, admin.QueryRow(t.Context(), "select event_id from lb_operations_g7.connection_states").Scan(&event))
	require.Equal(t, "e2", event, "the later state")
	rows, _ := admin.Query(t.Context(), `
		select oid::regclass::text from pg_class c where relkind = 'r' and relnamespace::regnamespace::text ~ '^(lb|kept$)'
		  and not (relreplident = 'd' and exists (select from pg_index where indrelid = c.oid and indisprimary))`)
	without, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, without)
}
