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

func openTest(t *testing.T, c pg.Config) *pgxpool.Pool {
	t.Helper()
	c.SearchPath, c.Name = []string{"public"}, "test"
	pool, err := pg.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// writes reports whether a pool can write with every connection that it may open.
func writes(t *testing.T, pool *pgxpool.Pool) (err error) {
	t.Helper()
	var conns []*pgxpool.Conn
	for range pool.Config().MaxConns {
		conn, errAcquire := pool.Acquire(t.Context())
		require.NoError(t, errAcquire)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		if _, errWrite := conn.Exec(t.Context(), "insert into written values (1)"); errWrite != nil {
			err = errWrite
		}
		conn.Release()
	}
	return err
}

// Managed servers make a database read-only for a while, by a default of new sessions. Afterward, a
// pool has no session left that was opened in the meantime, also behind a pooler, which keeps
// sessions of its own.
func TestPoolsWriteAgainAfterAReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(*testing.T, *pgtest.DB) string{
		"server": func(_ *testing.T, db *pgtest.DB) string { return db.URL },
		"pooler": func(t *testing.T, db *pgtest.DB) string { return db.Pooler(t, "session", 20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			database, admin := db.Pool.Config().ConnConfig.Database, openTest(t, pg.Config{URL: db.Superuser()})
			_, err := admin.Exec(t.Context(), "create table written (n int)")
			require.NoError(t, err)
			_, err = admin.Exec(t.Context(), "grant insert on written to public")
			require.NoError(t, err)
			_, err = admin.Exec(t.Context(), "alter database "+database+" set default_transaction_read_only = on")
			require.NoError(t, err)
			pool := openTest(t, pg.Config{URL: address(t, db), MaxConns: 3})
			require.ErrorContains(t, writes(t, pool), "25006")
			_, err = admin.Exec(t.Context(), "alter database "+database+" reset default_transaction_read_only")
			require.NoError(t, err)
			ledgertest.Eventually(t, func() bool { return writes(t, pool) == nil })
		})
	}
}

// An address may lead to a standby for a while, and connections to the standby stay open when it leads
// to the primary again. Pools do not stay with the standby: those that only read would never notice
// that its rows are old.
func TestPoolsDoNotStayWithAStandby(t *testing.T) {
	t.Parallel()
	pair := pgtest.NewPair(t)
	admin := openTest(t, pg.Config{URL: pair.Primary.URL()})
	_, err := admin.Exec(t.Context(), "create table written (n int)")
	require.NoError(t, err)
	pair.Follows(t)
	address := pgtest.NewProxy(t, pair.Standby.URL())
	through := address.Through(t, pair.Primary.URL())
	pools := []*pgxpool.Pool{
		openTest(t, pg.Config{URL: through, MaxConns: 2}),
		openTest(t, pg.Config{URL: through, MaxConns: 2, ReadOnly: true}),
	}
	onStandby := func(pool *pgxpool.Pool) (is bool) {
		require.NoError(t, pool.QueryRow(t.Context(), "select pg_is_in_recovery()").Scan(&is))
		return is
	}
	for _, pool := range pools {
		require.True(t, onStandby(pool), "it reads there")
	}
	address.Lead(t, pair.Primary.URL())
	for _, pool := range pools {
		ledgertest.Eventually(t, func() bool { return !onStandby(pool) })
	}
	require.NoError(t, writes(t, pools[0]))

	pair.Follows(t)
	pair.Promote(t)
	address.Lead(t, pair.Standby.URL())
	address.Cut()
	ledgertest.Eventually(t, func() bool {
		_, err := pools[0].Exec(t.Context(), "insert into written values (1)")
		return err == nil
	})
}

// Administrators give a user or a database limits for people's sessions. They do not reach the
// sessions of the service, which have their own.
func TestSessionsKeepNoLimitsOfTheDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	limits := db.Limit(t, "200ms")
	show := func(c pg.Config) (values []string) {
		pool := openTest(t, c)
		for _, limit := range limits {
			var value string
			require.NoError(t, pool.QueryRow(t.Context(), "select current_setting($1)", limit).Scan(&value))
			values = append(values, value)
		}
		return values
	}
	require.Equal(t, []string{"2min", "2min", "0", "0", "0"}[:len(limits)], show(pg.Config{URL: db.URL}), "requests")
	require.Equal(t, []string{"30s", "2min", "0", "0", "0"}[:len(limits)],
		show(pg.Config{URL: db.URL + "&statement_timeout=30000"}), "of the operator")
	require.Equal(t, []string{"0", "30s", "0", "0", "0"}[:len(limits)],
		show(pg.Config{URL: db.URL + "&statement_timeout=30000", Params: pg.Limits("0", "30s", "0")}), "long work")
}

// What statements mean and return, and whether commits survive a crash, does not depend on the defaults of
// the user or the database.
func TestSessionsKeepNoMeaningsOfTheDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	usual := openTest(t, pg.Config{URL: db.URL})
	db.SetDefaults(t, pgtest.OtherDefaults())
	for _, url := range []string{db.URL, db.URL + "&client_encoding=LATIN1&datestyle=German"} {
		unusual := openTest(t, pg.Config{URL: url})
		const texts = `
			select 'Bäckerei', array['2026-02-03 04:05:06+00'::timestamptz::text, '1 day 2 hours'::interval::text,
				'\xc3a4'::bytea::text, 0.1::float8::text, (0.1 + 0.2::float8)::text, current_setting('transaction_isolation'),
				current_setting('synchronous_commit'), octet_length($1::text)::text]`
		type row struct {
			Word  string
			Texts []string
		}
		answer := func(pool *pgxpool.Pool) row {
			got, _, err := pg.Find(t.Context(), pool, "ask", pgx.RowToStructByPos[row], texts, "Bäckerei")
			require.NoError(t, err)
			return got
		}
		want := answer(usual)
		require.Equal(t, "9", want.Texts[len(want.Texts)-1])
		require.Equal(t, want, answer(unusual), url)
	}
	show := func(c pg.Config) (value string) {
		require.NoError(t, openTest(t, c).QueryRow(t.Context(), "show synchronous_commit").Scan(&value))
		return value
	}
	require.Equal(t, "off", show(pg.Config{URL: db.URL, AsyncCommit: true}))
	require.Equal(t, "off", show(pg.Config{URL: db.URL + "&synchronous_commit=off"}), "of the operator")
	db.SetDefaults(t, map[string]string{"synchronous_commit": "remote_apply"})
	require.Equal(t, "remote_apply", show(pg.Config{URL: db.URL}), "no less durable")
	require.Equal(t, "off", show(pg.Config{URL: db.URL, AsyncCommit: true}))
}
