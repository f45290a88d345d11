package projections_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Who takes a rebuild over ends the sessions of the process before that it may end, and names the others: of another user, and of a superuser that
// it is a member of. It does not fail for them.
func TestSessionsOfAnotherLoginAreNamed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const before, own = "ledgerboard rebuild r 1", "ledgerboard rebuild r 2"
	userOf := func(at string) string {
		u, err := url.Parse(at)
		require.NoError(t, err)
		return u.User.Username()
	}
	session := func(at, name string) *pgx.Conn {
		config, err := pgx.ParseConfig(at)
		require.NoError(t, err)
		config.RuntimeParams["application_name"] = name
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	mine, others := db.WriterURL(t), db.WriterURL(t)
	_, err := db.Pool.Exec(t.Context(), "grant "+pg.SearchPath(userOf(db.URL))+" to "+pg.SearchPath(userOf(mine)))
	require.NoError(t, err)
	pool, err := pg.Open(t.Context(), pg.Config{URL: mine, SearchPath: []string{migrations.Engine}, Name: "rebuild r 2"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	ended, kept, other, root := session(mine, before), session(mine, own), session(others, before), session(db.URL, before)
	left, err := projections.EndSessions(t.Context(), pool, "ledgerboard rebuild r ", own)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		fmt.Sprintf("%d (user %s)", other.PgConn().PID(), userOf(others)), fmt.Sprintf("%d (user %s)", root.PgConn().PID(), userOf(db.URL)),
	}, strings.Split(left, ", "))
	require.Error(t, ended.Ping(t.Context()))
	for _, conn := range []*pgx.Conn{kept, other, root} {
		require.NoError(t, conn.Ping(t.Context()))
	}
	left, err = projections.EndSessions(t.Context(), db.Pool, "ledgerboard rebuild r ", own)
	require.NoError(t, err)
	require.Empty(t, left, "a superuser ends all")
	require.Error(t, other.Ping(t.Context()))
}
