package main

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// The limit of live projection writes the rows that the projection makes, months and gains too, in as many transactions.
func TestTheLimitWritesTheRowsOfTheProjection(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b, err := newBench(ctx, 1, "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.close()) })
	const partitions = 2
	log, _, stop, err := b.eventLog(ctx, partitions)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	require.NoError(t, log.AppendBulk(ctx, readings(11_000)))
	fresh := func() *pgxpool.Pool {
		pool, err := b.database(ctx, 4)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	folded := fresh()
	events, err := eventsOf(ctx, log, partitions)
	require.NoError(t, err)
	transactions := 0
	for _, rest := range events {
		for len(rest) > 0 {
			n := min(len(rest), upsertBatch)
			_, err := foldOnce(ctx, folded, rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
			transactions++
		}
	}
	each, err := b.knownRows(ctx, log, partitions)
	require.NoError(t, err)
	require.Equal(t, transactions, len(each[0])+len(each[1]))
	want := tablesOf(t, folded)
	target := fresh()
	_, err = each.write(ctx, target)
	require.NoError(t, err)
	require.Equal(t, want, tablesOf(t, target))
}

// tablesOf are the number of rows and a digest of each table.
func tablesOf(t *testing.T, pool *pgxpool.Pool) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, c := range copiedTables {
		var digest string
		var rows int
		err := pool.QueryRow(t.Context(), `select count(*), coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from `+c.table+` t`).
			Scan(&rows, &digest)
		require.NoError(t, err)
		require.NotZero(t, rows, c.table)
		found[c.table] = digest
	}
	return found
}
