package migrations_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// Processes that start together migrate one after the other; none fails because of another.
func TestUpOfManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "drop schema lb_engine, lb cascade")
	require.NoError(t, err)
	for range 5 {
		var starts errgroup.Group
		for range 8 {
			starts.Go(func() error { return migrations.Up(t.Context(), db.URL) })
		}
		require.NoError(t, starts.Wait())
	}
	_, err = db.Pool.Exec(t.Context(), "select * from lb_engine.generations")
	require.NoError(t, err)
}

// Once an owner has migrated, a role that may only read and write rows can start the service.
func TestUpWithNothingToDoNeedsNoRights(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	asWriter := db.WriterURL(t, migrations.Engine, migrations.Views, migrations.Kept)
	require.NoError(t, migrations.Up(t.Context(), asWriter))
	_, err := db.Pool.Exec(t.Context(), "drop schema lb_engine, lb cascade")
	require.NoError(t, err)
	require.ErrorContains(t, migrations.Up(t.Context(), asWriter), "create schema lb_engine", "what is to be done is said")
}

// Somebody's transaction holds a table that is to be changed: the start gives up, and says which change waits for what. Nothing has
// changed, and the next one succeeds.
func TestUpDoesNotWaitForATableForEver(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	_, err := db.Pool.Exec(t.Context(), `
		delete from kept.schema_migrations where version_id >= 19;
		alter table kept.secrets drop column signed_in_at;
		drop table kept.sessions, kept.sign_in_links, kept.identities, kept.pictures;
		alter table kept.fetch_state drop constraint fetch_state_pkey, add primary key (kind, p_id, social_account_id)`)
	require.NoError(t, err)
	reading, err := db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer reading.Rollback(t.Context())
	_, err = reading.Exec(t.Context(), "select from kept.fetch_state")
	require.NoError(t, err)
	err = migrations.Up(t.Context(), db.URL)
	require.ErrorContains(t, err, "migrate schema kept: partial migration error (type:sql,version:19)")
	require.ErrorContains(t, err, "canceling statement due to lock timeout")
	require.NoError(t, reading.Rollback(t.Context()))
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	var key string
	require.NoError(t, db.Pool.QueryRow(t.Context(),
		"select pg_get_constraintdef(oid) from pg_constraint where conname = 'fetch_state_pkey' and connamespace = 'kept'::regnamespace").Scan(&key))
	require.Equal(t, "PRIMARY KEY (social_account_id, kind, p_id)", key)
}

// Whoever changes a table of before waits for it for a while, and not for ever: what runs would wait behind. So since the first file that does.
func TestChangesOfTablesBoundTheirWait(t *testing.T) {
	t.Parallel()
	changed := regexp.MustCompile(`(?m)^alter table (\w+)`)
	for folder, since := range map[string]string{"kept": "00019"} {
		files, err := filepath.Glob(folder + "/*.sql")
		require.NoError(t, err)
		bounded := 0
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			up, _, _ := strings.Cut(string(raw), "-- +goose Down")
			for _, table := range changed.FindAllStringSubmatch(up, -1) {
				if filepath.Base(file) < since || strings.Contains(up, "create table "+table[1]+" ") {
					continue
				}
				require.Contains(t, up, "\nset local lock_timeout = '5s';", "%s changes %s", file, table[1])
				bounded++
			}
		}
		require.Positive(t, bounded, folder)
	}
}

// A database of before generations is refused with what is to be done, and stays as it is.
func TestUpRefusesTablesOfBeforeGenerations(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "create table lb.schema_migrations (id int)")
	require.NoError(t, err)
	require.ErrorContains(t, migrations.Up(t.Context(), db.URL), "drop schema lb cascade")
}
