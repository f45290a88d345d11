package pgtest_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// contents describes everything in a database that a test could have changed.
var contents = []string{
	`select oid::regclass || ' ' || query_to_xml(format('select * from %s', oid::regclass), nulls => true, tableforest => true, targetns => '')::text
	 from pg_class where relkind = 'r' and oid >= 16384 order by 1`,
	`select (v.*)::text from pg_views v where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
	`select nspname || coalesce(nspacl::text, '') from pg_namespace where nspname not like 'pg_%' order by 1`,
	`select relname || coalesce(relacl::text, '') || relpersistence::text || reltuples from pg_class where oid >= 16384 and relkind in ('r', 'p') order by 1`,
	`select starelid::regclass::text from pg_statistic where starelid >= 16384`,
	`select setconfig::text from pg_db_role_setting join pg_database d on d.oid = setdatabase where datname = current_database()`,
}

func describe(t *testing.T, db *pgtest.DB) (found []string) {
	t.Helper()
	name := db.Pool.Config().ConnConfig.Database
	for _, sql := range contents {
		rows, _ := db.Pool.Query(t.Context(), sql)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, sql)
		for _, line := range lines {
			found = append(found, strings.ReplaceAll(line, name, "database"))
		}
	}
	return found
}

func oid(t *testing.T, db *pgtest.DB) (oid uint32) {
	t.Helper()
	require.NoError(t, db.Pool.QueryRow(t.Context(), "select oid from pg_database where datname = current_database()").Scan(&oid))
	return oid
}

// Clients of the embedded server hash its password once for each connection; a wrong one is refused.
func TestPasswordIsHashedOnceAndChecked(t *testing.T) {
	if os.Getenv("LEDGERBOARD_TEST_DATABASE_URL") != "" {
		t.Skip("another server hashes as it likes, or trusts its clients")
	}
	db := pgtest.New(t)
	superuser, err := pgx.Connect(t.Context(), db.Superuser())
	require.NoError(t, err)
	defer superuser.Close(t.Context())
	var stored string
	require.NoError(t, superuser.QueryRow(t.Context(), "select rolpassword from pg_authid where rolname = current_user").Scan(&stored))
	require.True(t, strings.HasPrefix(stored, "SCRAM-SHA-256$1:"), stored)
	wrong, err := url.Parse(db.Superuser())
	require.NoError(t, err)
	wrong.User = url.UserPassword(wrong.User.Username(), "wrong")
	_, err = pgx.Connect(t.Context(), wrong.String())
	require.ErrorContains(t, err, "password authentication failed")
}

// Changes of a test do not affect the next one: it gets the same database without the rows, or a
// new one.
func TestReusedDatabaseEqualsANewOne(t *testing.T) {
	for name, tt := range map[string]struct {
		left []string
		same bool
	}{
		"nothing": {nil, true},
		"rows": {[]string{
			"insert into kept.ticket_key (key) select sha256('')",
			"insert into generations (projection, generation, version, topic, topic_id, state, targets) select 'p', 1, 1, '', gen_random_uuid(), 'live', '{}'",
			"insert into checkpoints (projection, generation, partition, next_offset, progressed_at, caught_up_at) select 'p', 1, 1, 0, now(), now()",
		}, true},
		"many rows":                       {[]string{"insert into kept.notice_cursors select 'a', i, i + 0, now() from generate_series(1, 10000) i"}, true},
		"statistics":                      {[]string{"analyze kept.notice_cursors"}, false},
		"a row of the migrations removed": {[]string{"delete from lb_engine.schema_migrations"}, false},
		"the identity changed":            {[]string{"update identity set database_id = gen_random_uuid()"}, false},
		"a schema made":                   {[]string{"create schema copies"}, false},
		"a table made again":              {[]string{"alter schema lb_engine rename to away", "alter schema away rename to lb_engine"}, false},
		"a view made":                     {[]string{"create view lb.mine as select 1"}, false},
		"a right granted":                 {[]string{"grant select on dead_letters to public"}, false},
		"a search path set":               {[]string{"do $$ begin execute format('alter database %I set search_path = lb', current_database()); end $$"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after uint32
			var fresh []string
			var client *pgx.Conn
			t.Run("leaves", func(t *testing.T) {
				db := pgtest.New(t)
				fresh, before = describe(t, db), oid(t, db)
				for _, sql := range tt.left {
					_, err := db.Pool.Exec(t.Context(), sql)
					require.NoError(t, err)
				}
				var err error
				client, err = pgx.Connect(context.Background(), db.URL)
				require.NoError(t, err)
			})
			require.Error(t, client.Ping(t.Context()), "its sessions are ended")
			t.Run("finds", func(t *testing.T) {
				db := pgtest.New(t)
				for i, line := range describe(t, db) {
					require.Equal(t, fresh[i], line)
				}
				after = oid(t, db)
			})
			require.Equal(t, tt.same, before == after)
		})
	}
}
