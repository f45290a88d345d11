package vault_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

var day0 = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { pgtest.Main(m) }

// setup returns a pool on the test's own database.
func setup(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return ledgertest.OpenVault(t, pgtest.New(t).URL)
}

func TestVaultPoolUsesSchemaAndSynchronousCommit(t *testing.T) {
	t.Parallel()
	settings := ledgertest.Value[string](t, setup(t), `select current_schema() || ' ' || current_setting('synchronous_commit')`)
	require.Equal(t, "kept on", settings)
}
