package pg_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// PgBouncer in session mode with its default settings works like the server itself.
func TestSessionModePoolersAreSupported(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	url := db.Pooler(t, "session", 20)
	require.NoError(t, pg.CheckDirect(t.Context(), url))
	pool, err := pg.Open(t.Context(), pg.Config{
		URL: url, SearchPath: []string{"kept"}, Name: "test", AsyncCommit: true, Params: map[string]string{"ledgerboard.word": "a'b\\"},
	})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	for name, want := range map[string]string{
		"search_path": `"kept"`, "application_name": "ledgerboard test", "timezone": "UTC", "synchronous_commit": "off",
		"tcp_user_timeout": "30000", "ledgerboard.word": "a'b\\",
	} {
		var got string
		require.NoError(t, pool.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got))
		require.Equal(t, want, got, name)
	}
}

// Poolers that change the session with each transaction lose session state. This is reported at the
// start, and no other client of the pooler gets a session that the check has changed.
func TestTransactionModePoolersAreRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, pg.CheckDirect(t.Context(), db.URL), "the server itself")
	for _, mode := range []string{"transaction", "statement"} {
		url := db.Pooler(t, mode, 20)
		err := pg.CheckDirect(t.Context(), url)
		require.ErrorIs(t, err, pg.ErrPooler, mode)
		require.ErrorContains(t, err, "pool_mode = session", mode)
		for range 5 {
			conn, err := pgx.Connect(t.Context(), url+"&default_query_exec_mode=exec")
			require.NoError(t, err)
			var path string
			require.NoError(t, conn.QueryRow(t.Context(), "select current_setting('search_path')").Scan(&path))
			require.Equal(t, `"$user", public`, path)
			require.NoError(t, conn.Close(t.Context()))
		}
	}
}

// A pooler with too few sessions is reported as that, not as one in transaction mode.
func TestPoolersWithOneSessionAreReported(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.ErrorContains(t, pg.CheckDirect(t.Context(), db.Pooler(t, "session", 1)), "default_pool_size")
}

// A database in another encoding than UTF-8 is refused with the command that creates a right one.
func TestDatabaseEncodingMustBeUTF8(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin, err := pgx.Connect(t.Context(), db.Superuser())
	require.NoError(t, err)
	defer func() { require.NoError(t, admin.Close(context.WithoutCancel(t.Context()))) }()
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		name := "encoded_in_" + strings.ToLower(encoding)
		_, err := admin.Exec(t.Context(), "create database "+name+" template template0 encoding '"+encoding+"' locale 'C'")
		require.NoError(t, err)
		u, err := url.Parse(db.Superuser())
		require.NoError(t, err)
		u.Path = "/" + name
		err = pg.CheckDirect(t.Context(), u.String())
		_, errDrop := admin.Exec(t.Context(), "drop database "+name+" with (force)")
		require.NoError(t, errDrop)
		require.ErrorContains(t, err, "database "+name+" is encoded in "+encoding)
		require.ErrorContains(t, err, `create database NAME template template0 encoding 'UTF8' locale 'C.UTF-8'`)
	}
}
