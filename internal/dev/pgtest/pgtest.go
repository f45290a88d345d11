package pgtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// databaseURLVariable names a server to use instead of an embedded one. Its user must be able to
// create databases.
const databaseURLVariable = "LEDGERBOARD_TEST_DATABASE_URL"

// versionVariable names the major version of PostgreSQL that the server must have.
const versionVariable = "LEDGERBOARD_TEST_POSTGRES"

// DB is the database of one test.
type DB struct {
	URL      string
	Pool     *pgxpool.Pool // for writes
	ReadOnly *pgxpool.Pool // for reading the views; the server refuses writes
	admin    string        // URL of the server's superuser
}

// New returns an empty database with all schemas. After the test, the database is disconnected from
// all clients, renamed and given to another test. The search path of its writers is that of generation 1.
func New(t testing.TB) *DB {
	t.Helper()
	return newDB(t, withTables, tables.Schemas())
}

// NewBare returns a database without tables of projections, for tests whose engines create them: an engine
// replaces those of a template, whose files would be copied for nothing.
func NewBare(t testing.TB, searchPath ...string) *DB {
	t.Helper()
	return newDB(t, bare, searchPath)
}

func newDB(t testing.TB, from *template, searchPath []string) *DB {
	t.Helper()
	ctx := context.Background()
	name := from.take(t)
	t.Cleanup(func() { from.giveBack(t, name) })
	db := &DB{URL: clientURL(t, name), admin: withDatabase(t, serverURL(t), name)}
	if is(timeouts) {
		db.Limit(t, "3s")
	}
	if is(sessions) {
		db.SetDefaults(t, OtherDefaults())
	}
	db.Pool = open(t, ctx, pg.Config{
		URL: db.URL, SearchPath: searchPath, Name: "test", AsyncCommit: true, MaxConns: 16,
	})
	db.ReadOnly = open(t, ctx, pg.Config{
		URL: db.URL, SearchPath: tables.Views(), Name: "test reader", ReadOnly: true, MaxConns: 8,
	})
	return db
}

// Superuser returns the URL of the server's superuser, without a pooler.
func (d *DB) Superuser() string { return d.admin }

// WriterURL connects as a new role that can only read and write the rows of these schemas.
func (d *DB) WriterURL(t testing.TB, schemas ...string) string {
	t.Helper()
	role := "r_" + uuid.NewString()[:8]
	name := pgx.Identifier{role}.Sanitize()
	statements := []string{"create role " + name + " login password 'secret'"}
	for _, schema := range schemas {
		quoted := pgx.Identifier{schema}.Sanitize()
		statements = append(statements,
			"grant usage on schema "+quoted+" to "+name,
			"grant select, insert, update, delete on all tables in schema "+quoted+" to "+name,
			"grant usage on all sequences in schema "+quoted+" to "+name)
	}
	exec(t, d.admin, strings.Join(statements, "; "))
	t.Cleanup(func() { exec(t, d.admin, "drop owned by "+name+"; drop role "+name) })
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// ActingURL connects as a new role whose sessions act in another role, which is not a member of it, as
// an administrator sets it.
func (d *DB) ActingURL(t testing.TB) string {
	t.Helper()
	role := "r_" + uuid.NewString()[:8]
	exec(t, d.admin, strings.ReplaceAll(
		"create role ROLE_acts; create role ROLE login password 'secret' in role ROLE_acts; alter role ROLE set role ROLE_acts", "ROLE", role))
	t.Cleanup(func() { exec(t, d.admin, "drop role "+role+"; drop role "+role+"_acts") })
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// Delete removes all rows of these tables of generation 1. For few rows it is cheaper than
// TRUNCATE, which creates new files and invalidates the plans of all sessions.
func (d *DB) Delete(t require.TestingT, tables ...string) {
	_, err := d.Pool.Exec(context.Background(), "delete from "+strings.Join(tables, "; delete from "))
	require.NoError(t, err)
}

func open(t testing.TB, ctx context.Context, c pg.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pg.Open(ctx, c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

var server struct {
	once     sync.Once
	embedded *embedded.Postgres
	url      string
	admin    *pgxpool.Pool // of the superuser: each test needs some of its statements
	pooler   *pooler       // nil: clients connect to the server
	err      error

	autovacuum bool
}

var discard = slog.New(slog.DiscardHandler)

// serverURL returns the URL of the server of this test process, which it starts at the first call.
func serverURL(t testing.TB) string {
	t.Helper()
	server.once.Do(func() {
		defer func() {
			if server.err == nil {
				server.err = checkVersion(server.url)
			}
			if server.err == nil {
				server.admin, server.err = pgxpool.New(context.Background(), server.url)
			}
			if server.err == nil && is(role) {
				_, server.err = server.admin.Exec(context.Background(), "create role "+roleName+" login password 'secret'")
			}
			if server.err == nil && is(pgbouncer) {
				server.pooler, server.err = startPooler(server.url, "session", 500)
			}
		}()
		if server.url = os.Getenv(databaseURLVariable); server.url != "" {
			return
		}
		level := "replica"
		if is(published) {
			level = "logical"
		}
		server.embedded, server.err = embedded.StartPostgres(context.Background(), embedded.PostgresConfig{
			Logger: discard,
			// Test data need not survive a crash of the machine. There are few shared buffers,
			// because dropping a table searches all of them. Unless a package asks for autovacuum, it is
			// off, so that query plans do not depend on the duration of a test. Each test running in
			// parallel has about ten connections.
			Settings: map[string]string{
				"fsync": "off", "full_page_writes": "off", "wal_compression": "off",
				"max_wal_size": "512MB", "min_wal_size": "80MB", "shared_buffers": "64MB",
				"autovacuum": strconv.FormatBool(server.autovacuum), "max_connections": "1000", "wal_level": level,
			},
		})
		if server.err == nil {
			server.url = server.embedded.URL()
			server.err = hashOnce(context.Background(), server.url)
		}
	})
	require.NoError(t, server.err, "start PostgreSQL for tests")
	return server.url
}

func checkVersion(databaseURL string) error {
	want := os.Getenv(versionVariable)
	if want == "" {
		return nil
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if version := conn.PgConn().ParameterStatus("server_version"); !strings.HasPrefix(version, want+".") {
		return fmt.Errorf("%s is %s, but the server is PostgreSQL %s", versionVariable, want, version)
	}
	return nil
}

// Main runs the tests of a package, stops the server that they started, and exits.
func Main(m *testing.M) { os.Exit(Runner{Tests: m}.Run()) }

// Runner is [Main] for a package whose TestMain passes its tests to another runner, such as goleak.
type Runner struct {
	Tests interface{ Run() int }
	// Autovacuum is for tests that write for many minutes: tables and statistics are kept as in
	// production.
	Autovacuum bool
}

// Run runs the tests, ends what they shared, stops the server that they started and returns the exit code.
func (r Runner) Run() int {
	server.autovacuum = r.Autovacuum
	code := r.Tests.Run()
	shared.end()
	if server.pooler != nil {
		_ = server.pooler.stop() // its directory is temporary
	}
	if server.admin != nil {
		server.admin.Close()
	}
	if server.embedded != nil {
		if err := server.embedded.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL for tests:", err)
			code = max(code, 1)
		}
	}
	return code
}

func exec(t testing.TB, databaseURL, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	execOn(t, conn, sql)
}

// administer runs a statement in the server's own database.
func administer(t testing.TB, sql string) {
	t.Helper()
	serverURL(t)
	execOn(t, server.admin, sql)
}

func execOn(t testing.TB, q pg.Querier, sql string) {
	t.Helper()
	ctx := context.Background()
	_, err := q.Exec(ctx, sql)
	internal := 0
	for until := time.Now().Add(patience); time.Now().Before(until); _, err = q.Exec(ctx, sql) {
		refused, _ := errors.AsType[*pgconn.PgError](err)
		if refused != nil && refused.Code == internalError {
			internal++
		}
		if refused == nil || refused.Code != objectInUse && (refused.Code != internalError || internal > 10) {
			break
		}
	}
	require.NoError(t, err)
}

func query[T any](t testing.TB, databaseURL, sql string, args ...any) (value T) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	require.NoError(t, conn.QueryRow(ctx, sql, args...).Scan(&value))
	return value
}

// patience limits the wait for the end of a database's sessions.
const patience = 5 * time.Minute

// Codes of refusals after which [execOn] repeats a statement.
const (
	objectInUse   = "55006" // a database still has sessions after the five seconds that the server waits
	internalError = "XX000" // two sessions changed one row of the catalog, or any other fault: at most ten times
)

func withDatabase(t testing.TB, databaseURL, name string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}
