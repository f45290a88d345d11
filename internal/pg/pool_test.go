package pg_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// Modes without parameter types are refused before anything is opened, and no error shows the
// password.
func TestModesWithoutTypesAreRefused(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[string]bool{"": false, "cache_statement": false, "cache_describe": false, "describe_exec": false, "exec": true, "simple_protocol": true} {
		url := "postgres://u:geheim@127.0.0.1:1/d"
		if mode != "" {
			url += "?default_query_exec_mode=" + mode
		}
		err := pg.CheckURL(url)
		if !refused {
			require.NoError(t, err, mode)
			continue
		}
		require.ErrorContains(t, err, "default_query_exec_mode="+mode)
		require.NotContains(t, err.Error(), "geheim")
		_, err = pg.Open(t.Context(), pg.Config{URL: url, SearchPath: []string{"s"}, Name: "test"})
		require.ErrorContains(t, err, "default_query_exec_mode="+mode, "before it connects")
	}
	require.ErrorContains(t, pg.CheckURL("postgres://u:geheim@h/d?sslmode=maybe"), "sslmode")
}

// One snapshot reads one consistent state: a decision must not combine the head of one state with
// the dashboards of the next.
func TestSnapshotIsConsistent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "create table moment (n int)")
	require.NoError(t, err)
	err = pg.Snapshot(t.Context(), db.Pool, func(tx pgx.Tx) error {
		for range 2 {
			var n int
			require.NoError(t, tx.QueryRow(t.Context(), "select count(*) from moment").Scan(&n))
			require.Zero(t, n)
			_, err := db.Pool.Exec(t.Context(), "insert into moment values (1)")
			require.NoError(t, err)
		}
		_, err := tx.Exec(t.Context(), "insert into moment values (2)")
		return err
	})
	require.ErrorContains(t, err, "read-only transaction")
}

// The error of a server, or of a lost connection, decides whether to try again.
func TestMayPass(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"08006": true, "53300": true, "57P01": true, "57P03": true, "42P01": true, "3F000": true, "42883": true, "40001": true, "25006": true,
		"25P03": true, "25P04": true, "55P03": true,
		"22P02": false, "23505": false, "42703": false, "55000": false, "57014": false,
	} {
		require.Equal(t, want, pg.IsTemporary(fmt.Errorf("read: %w", &pgconn.PgError{Code: code})), code)
	}
	require.True(t, pg.IsTemporary(fmt.Errorf("read: %w", io.ErrUnexpectedEOF)))
	require.False(t, pg.IsTemporary(io.ErrShortWrite))
	_, err := pgx.Connect(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	require.True(t, pg.IsTemporary(err), err)
	db := pgtest.New(t)
	_, err = pgx.Connect(t.Context(), strings.Replace(db.URL, "/t_", "/not_", 1))
	require.True(t, pg.IsTemporary(err), "a server that refuses connections has changed nothing: %v", err)
	_, err = db.Pool.Exec(t.Context(), "select * from nowhere")
	require.True(t, pg.IsTemporary(err), err)
	conn, err := db.Pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())")
	require.True(t, pg.IsTemporary(err), err)
	_, err = conn.Exec(t.Context(), "select 1")
	require.True(t, pg.IsTemporary(err), err)
}
