package vault_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// setup returns a pool on a database of the test's own.
func setup(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := vault.Open(t.Context(), pgtest.New(t).URL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestPoolIsOfSchemaKeptAndCommitsSynchronously(t *testing.T) {
	t.Parallel()
	var schema, commit string
	row := setup(t).QueryRow(t.Context(), `select current_schema(), current_setting('synchronous_commit')`)
	require.NoError(t, row.Scan(&schema, &commit))
	require.Equal(t, "kept", schema)
	require.Equal(t, "on", commit)
}
