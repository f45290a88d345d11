package vault_test

import (
	"sync"
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

// oneWins runs eight concurrent attempts and requires that one succeeds and the others return the
// error.
func oneWins(t *testing.T, lost error, try func(n int) error) {
	t.Helper()
	errs := make([]error, 8)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() { errs[n] = try(n) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, lost)
	}
	require.Equal(t, 1, won)
}

func TestPoolSettings(t *testing.T) {
	t.Parallel()
	settings := ledgertest.Value[string](t, setup(t), `select current_schema() || ' ' || current_setting('synchronous_commit')`)
	require.Equal(t, "kept on", settings)
}
