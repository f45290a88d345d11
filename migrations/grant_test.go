package migrations_test

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// groups are of the whole server: databases of tests that run at once make them one after the other.
var groups sync.Mutex

func grant(t *testing.T, db *pgtest.DB, logins ...migrations.Login) error {
	t.Helper()
	groups.Lock()
	defer groups.Unlock()
	return migrations.Grant(t.Context(), db.URL, logins)
}

const ownedByOthers = `
	select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where n.nspname ~ '^lb_[a-z_]+_g[0-9]+' and c.relkind in ('r', 'p', 'v') and pg_get_userbyid(c.relowner) <> 'ledgerboard_projector'
	  or n.nspname ~ '^lb_[a-z_]+_g[0-9]+' and pg_get_userbyid(n.nspowner) <> 'ledgerboard_projector'`

func count(t *testing.T, db *pgtest.DB, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, db.Pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// reads holds a table as a query that is under way does.
func reads(t *testing.T, db *pgtest.DB, table string) (ends func()) {
	t.Helper()
	tx, err := db.Pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "select from "+table)
	require.NoError(t, err)
	ends = sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	t.Cleanup(ends)
	return ends
}

// Rights are given again beside a running service: a table that is as it should be is not waited for, nor is a step of its generations.
func TestGrantAgainWaitsForNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NotZero(t, count(t, db, ownedByOthers))
	require.NoError(t, grant(t, db))
	require.Zero(t, count(t, db, ownedByOthers))
	reads(t, db, "lb_dashboards_g1.dashboard_heads")
	step, err := db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer step.Rollback(t.Context())
	_, err = step.Exec(t.Context(), "select pg_advisory_xact_lock(hashtext($1))", migrations.GenerationLock+"contents")
	require.NoError(t, err)
	require.NoError(t, grant(t, db))
}

// A table that is to get another owner is waited for shortly, so that its readers are not held up; it is said what to do, and nothing is changed.
func TestGrantGivesUpAtATableInUse(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	before := count(t, db, ownedByOthers)
	ends := reads(t, db, "lb_dashboards_g1.dashboard_heads")
	err := grant(t, db)
	require.ErrorContains(t, err, "alter table if exists lb_dashboards_g1.dashboard_heads owner to ledgerboard_projector")
	require.ErrorContains(t, err, "nothing has been changed; end a long query")
	require.Equal(t, before, count(t, db, ownedByOthers))
	ends()
	require.NoError(t, grant(t, db))
	require.Zero(t, count(t, db, ownedByOthers))
}

// A generation that is renamed and another one that is dropped while rights are given do not make that fail.
func TestGrantWaitsForAStepOfTheGenerations(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	step, err := db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer step.Rollback(t.Context())
	_, err = step.Exec(t.Context(), "select pg_advisory_xact_lock(hashtext($1))", migrations.GenerationLock+"contents")
	require.NoError(t, err)
	_, err = step.Exec(t.Context(), "alter schema lb_contents_g1 rename to lb_contents_g1_retired")
	require.NoError(t, err)
	given := make(chan error, 1)
	go func() { given <- grant(t, db) }()
	require.Eventually(t, func() bool {
		var waits bool
		err := db.Pool.QueryRow(context.Background(), `
			select exists (select from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database()
			               where l.locktype = 'advisory' and not l.granted)`).Scan(&waits)
		return err == nil && waits
	}, 5*time.Minute, 5*time.Millisecond) // other tests give rights before it, for many seconds each
	require.NoError(t, step.Commit(t.Context()))
	require.NoError(t, <-given)
	require.Zero(t, count(t, db, ownedByOthers))
	require.Equal(t, 1, count(t, db, "select count(*) from pg_namespace where nspname = 'lb_contents_g1_retired' and pg_get_userbyid(nspowner) = 'ledgerboard_projector'"))
}

// A login that has more rights than a process needs is somebody else's: it keeps its password, and the other logins are not made.
func TestGrantRefusesUsersOfOthers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	own, err := url.Parse(db.URL)
	require.NoError(t, err)
	suffix := uuid.NewString()[:8]
	role := func(kind, more string) string {
		name := kind + "_" + suffix
		quoted := pgx.Identifier{name}.Sanitize()
		_, err := db.Pool.Exec(t.Context(), "create role "+quoted+" login password 'kept' "+more)
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := db.Pool.Exec(context.Background(), "drop owned by "+quoted)
			require.NoError(t, err)
			_, err = db.Pool.Exec(context.Background(), "drop role "+quoted)
			require.NoError(t, err)
		})
		return name
	}
	owner := role("owner", "")
	_, err = db.Pool.Exec(t.Context(), "create schema theirs authorization "+pgx.Identifier{owner}.Sanitize())
	require.NoError(t, err)
	for name, what := range map[string]string{
		own.User.Username(): "the user that this is run as", role("root", "superuser"): "a superuser", role("maker", "createrole"): "rights of an administrator",
		owner: "the owner of schemas",
	} {
		const kept = "select count(*) from pg_authid where rolname = $1 and rolpassword = $2"
		var password string
		require.NoError(t, db.Pool.QueryRow(t.Context(), "select coalesce(rolpassword, '') from pg_authid where rolname = $1", name).Scan(&password))
		other := "other_" + suffix
		err := grant(t, db, migrations.Login{Name: other, Roles: []string{"api"}, Password: "p"}, migrations.Login{Name: name, Roles: []string{"api"}, Password: "p"})
		require.ErrorContains(t, err, "login "+name+": this is ")
		require.ErrorContains(t, err, what)
		require.Equal(t, min(len(password), 1), count(t, db, kept, name, password), name)
		require.Zero(t, count(t, db, "select count(*) from pg_roles where rolname = $1", other), "nothing is changed")
	}
	usual := role("usual", "")
	require.NoError(t, grant(t, db, migrations.Login{Name: usual, Roles: []string{"api"}, Password: "p"}))
	require.Equal(t, 1, count(t, db, "select count(*) from pg_auth_members where member = $1::regrole and roleid = 'ledgerboard_api'::regrole", usual))
}
