package pg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// A session that waits is found, and who holds the lock is named, also if an administrator lets the
// sessions of the service's user act in another role.
func TestLockHolderIsNamedInAnotherRole(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t).ActingURL(t)
	other, err := pgx.Connect(t.Context(), url+"&application_name=another%20program")
	require.NoError(t, err)
	defer other.Close(t.Context())
	pool := openTest(t, pg.Config{URL: url})
	const acts, lock = "select current_user <> session_user", "select pg_advisory_lock(1)"
	require.True(t, ledgertest.Value[bool](t, pool, acts))
	_, err = other.Exec(t.Context(), lock)
	require.NoError(t, err)
	waited := make(chan error, 1)
	go func() { waited <- execute(t, pool, lock) }()

	reports := make(chan string, 1)
	stop := pg.WatchLocks(t.Context(), url, func(text string) { reports <- text })
	defer stop()
	text := ledgertest.Receive(t, reports)
	require.Contains(t, text, `session "ledgerboard test" waits for a lock held by process`)
	require.Contains(t, text, "another program")
	_, err = other.Exec(t.Context(), "select pg_advisory_unlock(1)")
	require.NoError(t, err)
	require.NoError(t, ledgertest.Receive(t, waited))
	require.Empty(t, ledgertest.Receive(t, reports))
}

func execute(t *testing.T, pool *pgxpool.Pool, sql string) error {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql)
	return err
}
