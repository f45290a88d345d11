package pg_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
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

// A password that is changed while the process runs is read from its file for the next connection.
func TestDatabasePasswordFileIsReadForEachConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u, err := url.Parse(db.WriterURL(t, "kept"))
	require.NoError(t, err)
	role, old := u.User.Username(), u.String()
	u.User = url.User(role)
	dir := t.TempDir()
	inURL, inPassfile := filepath.Join(dir, "url"), filepath.Join(dir, "pgpass")
	write := func(password string) {
		require.NoError(t, os.WriteFile(inPassfile, []byte("*:*:*:*:"+password+"\n"), 0o600))
		require.NoError(t, os.WriteFile(inURL, []byte(strings.Replace(old, ":secret@", ":"+password+"@", 1)+"\r\n"), 0o600))
	}
	write("secret")
	for _, setting := range []string{"file:" + inURL, u.String() + "&passfile=" + inPassfile} {
		pool, err := pg.Open(t.Context(), pg.Config{URL: setting, SearchPath: []string{"kept"}, Name: "test"})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		_, err = db.Pool.Exec(t.Context(), "alter role "+role+" password 'other'")
		require.NoError(t, err)
		pool.Reset()
		require.ErrorContains(t, pool.Ping(t.Context()), "28P01")
		write("other")
		require.NoError(t, pool.Ping(t.Context()))
		_, err = db.Pool.Exec(t.Context(), "alter role "+role+" password 'secret'")
		require.NoError(t, err)
		write("secret")
	}
}

// The answer of the server explains a refused connection, also if the URL does not set sslmode: the
// attempt with TLS, which fails at every server without TLS, comes first.
func TestRefusedConnectionsAreExplained(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	without := strings.Replace(db.WriterURL(t, "kept"), "?sslmode=disable", "", 1)
	u, err := url.Parse(without)
	require.NoError(t, err)
	full, err := url.Parse(strings.Replace(db.WriterURL(t, "kept"), "?sslmode=disable", "", 1))
	require.NoError(t, err)
	_, err = db.Pool.Exec(t.Context(), "alter role "+full.User.Username()+" connection limit 0")
	require.NoError(t, err)
	for refused, want := range map[string]string{
		strings.Replace(without, ":secret@", ":not-the-password@", 1): "check the user and the password",
		strings.Replace(without, u.Path, "/none", 1):                  "create the database",
		full.String():                "max_connections",
		without + "?sslmode=require": "enable TLS",
	} {
		_, err := pg.Open(t.Context(), pg.Config{URL: refused, SearchPath: []string{"kept"}, Name: "test"})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "not-the-password")
		if want != "enable TLS" {
			require.NotContains(t, pg.Advice(err), "TLS")
		}
	}
}

// No part of a password appears in an error, also if special characters in it make a URL invalid.
func TestErrorsContainNoPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"gehe/im", "gehe#im", "gehe?im", "12/im", "12#im", "12?im", "a@b/im", "gehe%im", "ge[h", "gehe im"} {
		err := pg.CheckURL("postgres://lb:" + password + "@127.0.0.1:1/lb?sslmode=disable")
		if err == nil { // special characters of a valid URL
			continue
		}
		require.ErrorContains(t, err, "Percent-encode", password)
		for _, part := range []string{"gehe", "im", "12", "a@b"} {
			require.NotContains(t, strings.SplitN(err.Error(), ". Percent", 2)[0], part, password)
		}
	}
	require.NotContains(t, pg.CheckURL("host=h password = geheim sslmode=maybe").Error(), "geheim")
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

// If a retry is not enough, the sender of a request learns what is.
func TestDatabaseErrorsSayHowToProceed(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).Superuser())
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for setting, want := range map[string]string{
		"set work_mem = '64kB'; set temp_file_limit = '64kB'": "A retry does not help",
		"set statement_timeout = '10ms'":                      "ask for less",
		"set work_mem = '64MB'":                               "",
	} {
		_, err := conn.Exec(t.Context(), "reset all; "+setting, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "select count(*) from (select g from generate_series(1, 500000) g order by g desc offset 1) s")
		require.Equal(t, want != "", pg.IsTemporary(err), setting)
		require.Contains(t, pg.Remedy(err), want)
	}
}

// The error of a server, or of a lost connection, decides whether to try again.
func TestIsTemporaryBySQLState(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"08006": true, "53300": true, "57P01": true, "57P03": true, "42P01": true, "3F000": true, "42883": true, "40001": true, "25006": true,
		"25P03": true, "25P04": true, "55P03": true,
		"22P02": false, "23505": false, "42703": false, "55000": false, "57014": true,
	} {
		require.Equal(t, want, pg.IsTemporary(fmt.Errorf("read: %w", &pgconn.PgError{Code: code})), code)
	}
	require.False(t, pg.IsTemporary(&pgconn.PgError{Code: "57014", Routine: "CopyGetData"}), "pgx could not encode a value")
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
