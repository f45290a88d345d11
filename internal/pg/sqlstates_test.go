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

// What a server says, or does not say any more, decides whether to try again.
func TestMayPass(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"08006": true, "53300": true, "57P01": true, "57P03": true, "42P01": true, "3F000": true, "42883": true, "40001": true, "25006": true,
		"25P03": true, "25P04": true, "55P03": true,
		"22P02": false, "23505": false, "42703": false, "55000": false, "57014": false,
	} {
		require.Equal(t, want, pg.MayPass(fmt.Errorf("read: %w", &pgconn.PgError{Code: code})), code)
	}
	require.True(t, pg.MayPass(fmt.Errorf("read: %w", io.ErrUnexpectedEOF)))
	require.False(t, pg.MayPass(io.ErrShortWrite))
	_, err := pgx.Connect(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	require.True(t, pg.MayPass(err), err)
	db := pgtest.New(t)
	_, err = pgx.Connect(t.Context(), strings.Replace(db.URL, "/t_", "/not_", 1))
	require.True(t, pg.MayPass(err), "a server that lets nobody in has changed nothing: %v", err)
	_, err = db.Pool.Exec(t.Context(), "select * from nowhere")
	require.True(t, pg.MayPass(err), err)
	conn, err := db.Pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())")
	require.True(t, pg.MayPass(err), err)
	_, err = conn.Exec(t.Context(), "select 1")
	require.True(t, pg.MayPass(err), err)
}
