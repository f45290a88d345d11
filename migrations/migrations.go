package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

//go:embed engine/*.sql kept/*.sql
var files embed.FS

// The schemas. Engine contains the engine's own state. Like the tables of the generations, which
// the engine creates in schemas lb_<projection>_g<number>, it may be dropped at any time. Views
// contains views of the live generations, for people. Kept contains only data that the log must not
// contain.
const (
	Engine = "lb_engine"
	Views  = "lb"
	Kept   = "kept"
)

// versionTable is the table in which goose records the version of a schema. It is in that schema,
// so that dropping the schema drops the record too, and the next start creates both again.
const versionTable = "schema_migrations"

// sets maps each schema to the directory of its files; "" means that it has none.
var sets = map[string]string{Engine: "engine", Kept: "kept", Views: ""}

// lockName names the advisory lock that allows one process to migrate at a time.
const lockName = "ledgerboard migrate"

// Up migrates the schemas of the database to the newest version. It changes nothing outside of
// them. Several processes may call it at the same time. It waits at most [pg.LockWait] for each
// lock.
func Up(ctx context.Context, databaseURL string) error {
	// One connection, because the session that migrates must be the one that holds the advisory
	// lock.
	pool, err := pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: []string{Kept}, Name: "migrate", MaxConns: 1, Params: pg.Limits("0", "", "0"),
	})
	if err != nil {
		return err
	}
	defer pool.Close() // releases the lock
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1) // or the pool could replace the session that holds the lock
	if _, err := db.ExecContext(ctx, `select pg_advisory_lock(hashtext($1))`, lockName); err != nil {
		return fmt.Errorf("lock for migration: %w", pg.Explain(err))
	}
	for _, schema := range []string{Kept, Engine, Views} {
		if err := createSchema(ctx, db, schema); pg.IsForbidden(err) {
			return fmt.Errorf("create schema %s: %w: %w", schema, err, pg.NeedsCreate(pool.Config().ConnConfig))
		} else if err != nil {
			return fmt.Errorf("create schema %s: %w", schema, err)
		}
		if err := upSchema(ctx, db, schema); pg.IsForbidden(err) {
			return fmt.Errorf("%w: this database user may not change the schemas. Before each release, "+
				"run 'ledgerboard migrate' and deploy/roles.sql as the owner of the schemas", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// upSchema applies the files of a schema.
func upSchema(ctx context.Context, db *sql.DB, schema string) error {
	if sets[schema] == "" {
		return nil
	}
	if _, err := db.ExecContext(ctx, `select set_config('search_path', $1, false)`, pg.SearchPath(schema)); err != nil {
		return fmt.Errorf("set search path: %w", err)
	}
	sub, err := fs.Sub(files, sets[schema])
	if err != nil {
		return fmt.Errorf("open embedded files: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, sub, goose.WithTableName(schema+"."+versionTable))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	return nil
}

// createSchema first checks whether the schema exists, because "create schema if not exists"
// requires the privilege to create a schema even if it exists.
func createSchema(ctx context.Context, db *sql.DB, schema string) error {
	var exists bool
	err := db.QueryRowContext(ctx, `select exists (select from pg_namespace where nspname = $1)`, schema).Scan(&exists)
	if err == nil && !exists {
		_, err = db.ExecContext(ctx, "create schema "+pgx.Identifier{schema}.Sanitize())
	}
	return err
}
