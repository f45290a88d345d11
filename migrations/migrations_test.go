package migrations_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Processes that start together migrate one after the other; none fails because of another.
func TestConcurrentMigrationsSucceed(t *testing.T) {
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

// Tables of the engine's first version are dropped with the tables of all read models, which the
// service builds again.
func TestMigrationDropsTablesOfFirstEngineVersion(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), `
		update lb_engine.schema_migrations set version_id = 1 where version_id = 2;
		delete from lb_engine.schema_migrations where version_id > 2;
		drop table lb_engine.checkpoints, lb_engine.dead_letters, lb_engine.streams, lb_engine.generations cascade;
		create table lb_engine.generations (projection text, generation int, primary key (projection, generation));
		create table lb_engine.rebuilds (id uuid primary key);
		create table lb_engine.rebuild_shards (rebuild uuid references lb_engine.rebuilds);
		create schema lb_contents_g700; create table lb_contents_g700.post_contents (id int);
		create schema lb_contents_others`)
	require.NoError(t, err)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	var left []string
	err = db.Pool.QueryRow(t.Context(), `
		select array_agg(nspname::text) from pg_namespace where nspname like 'lb_contents_%'`).Scan(&left)
	require.NoError(t, err)
	require.Equal(t, []string{"lb_contents_others"}, left)
	_, err = db.Pool.Exec(t.Context(), "select lease from lb_engine.generations")
	require.NoError(t, err)
}

// Once an owner has migrated, a role that may only read and write rows can start the service.
func TestUpToDateMigrationNeedsNoPrivileges(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	asWriter := db.WriterURL(t, migrations.Engine, migrations.Views, migrations.Kept)
	require.NoError(t, migrations.Up(t.Context(), asWriter))
	_, err := db.Pool.Exec(t.Context(), "drop schema lb_engine, lb cascade")
	require.NoError(t, err)
	require.ErrorContains(t, migrations.Up(t.Context(), asWriter), "create schema lb_engine", "the error names the missing step")
}

// Other objects of a shared database stay as they are, and what people create in it lands where they
// expect it.
func TestMigrationChangesOnlyItsSchemas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.Superuser())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "drop schema lb_engine, lb, kept cascade; create table public.sales_targets (id int)")
	require.NoError(t, err)
	outside := func() (found []string) {
		rows, _ := conn.Query(t.Context(), `
			select relnamespace::regnamespace || '.' || relname || coalesce(relacl::text, '') from pg_class
			where relnamespace::regnamespace::text !~ '^(lb|kept$|pg_)'
			union all select nspname || coalesce(nspacl::text, '') from pg_namespace where nspname !~ '^(lb|kept$)'
			union all select d.datname || coalesce(d.datacl::text, '') || coalesce(s.setconfig::text, '') from pg_database d
			left join pg_db_role_setting s on s.setdatabase = d.oid where d.datname = current_database() order by 1`)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return found
	}
	before := outside()
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	require.Equal(t, before, outside())
}

// A role that may create schemas, or for which they were created, need not own the database.
func TestMigrationDoesNotRequireDatabaseOwner(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]string{
		"it may create schemas":                "grant create on database DATABASE to USER",
		"an administrator created the schemas": "create schema kept authorization USER; create schema lb_engine authorization USER; create schema lb authorization USER",
		"":                                     "select 1",
	} {
		db := pgtest.New(t)
		url := db.WriterURL(t)
		config, err := pgx.ParseConfig(url)
		require.NoError(t, err)
		admin, err := pgx.Connect(t.Context(), db.Superuser())
		require.NoError(t, err)
		defer admin.Close(t.Context())
		user := pgx.Identifier{config.User}.Sanitize()
		for _, sql := range []string{"drop schema lb_engine, lb, kept cascade", strings.NewReplacer("DATABASE", config.Database, "USER", user).Replace(prepare)} {
			_, err = admin.Exec(t.Context(), sql)
			require.NoError(t, err)
		}
		err = migrations.Up(t.Context(), url)
		if name == "" {
			require.ErrorContains(t, err, fmt.Sprintf(`grant create, temporary on database "%s" to %s`, config.Database, user))
			continue
		}
		require.NoError(t, err, name)
	}
}

// A lock that does not become free ends the migration.
func TestMigrationTimesOutWaitingForLock(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, lock := range []string{"select pg_advisory_xact_lock(hashtext('ledgerboard migrate'))", "lock kept.schema_migrations, lb_engine.schema_migrations"} {
		require.NoError(t, pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), lock)
			require.NoError(t, err)
			err = migrations.Up(t.Context(), db.URL+"&lock_timeout=50")
			require.True(t, pg.IsLockTimeout(err), "%v", err)
			return nil
		}))
	}
}

// The commands of docs/restore.md restore schema kept for a role that does not own the database.
func TestSchemaKeptIsRestoredAsDocumented(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "pg_dump", "pg_restore")
	text, err := os.ReadFile("../docs/restore.md")
	require.NoError(t, err)
	dir := t.TempDir()
	run := func(program, url string) {
		t.Helper()
		config, err := pgx.ParseConfig(url)
		require.NoError(t, err)
		_, arguments, found := strings.Cut(string(text), "\n"+program+" ")
		if !found {
			_, arguments, found = strings.Cut(string(text), "   "+program+" ") // in a list
		}
		require.True(t, found, program)
		arguments, _, _ = strings.Cut(arguments, "\n")
		arguments = strings.NewReplacer("/backups", dir, "--dbname ledgerboard", "--dbname "+config.Database).Replace(arguments)
		command := exec.Command(program, strings.Fields(arguments)...)
		command.Env = append(os.Environ(), "PGHOST="+config.Host, "PGPORT="+strconv.Itoa(int(config.Port)),
			"PGDATABASE="+config.Database, "PGUSER="+config.User, "PGPASSWORD="+config.Password)
		out, err := command.CombinedOutput()
		if strings.Contains(string(out), "server version mismatch") {
			t.Skipf("left out: %s is older than the server", program)
		}
		require.NoError(t, err, string(out))
	}

	from, to := pgtest.New(t), pgtest.New(t)
	_, err = from.Pool.Exec(t.Context(), "insert into kept.ticket_key (key) values ('a key of thirty-two bytes, kept.')")
	require.NoError(t, err)
	url := to.WriterURL(t)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	admin, err := pgx.Connect(t.Context(), to.Superuser())
	require.NoError(t, err)
	defer admin.Close(t.Context())
	_, err = admin.Exec(t.Context(), fmt.Sprintf(`drop schema lb_engine, lb, kept cascade; grant create on database "%s" to "%s"`,
		config.Database, config.User), pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)

	run("pg_dump", from.Superuser())
	run("pg_restore", url)
	require.NoError(t, migrations.Up(t.Context(), url))
	var key string
	require.NoError(t, admin.QueryRow(t.Context(), "select convert_from(key, 'UTF8') from kept.ticket_key").Scan(&key))
	require.Equal(t, "a key of thirty-two bytes, kept.", key)
}
