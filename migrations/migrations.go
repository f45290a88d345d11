package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
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

// Up migrates the schemas of the database to the newest version and sets the search path of the
// database, so that people can type `select * from tSAccountIns`. Several processes may call it at
// the same time.
func Up(ctx context.Context, databaseURL string) error {
	for _, schema := range []string{Kept, Engine, Views} {
		err := upSchema(ctx, databaseURL, schema)
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42501" {
			return fmt.Errorf("%w: this database user may not change the schemas. Before each release, "+
				"run 'ledgerboard migrate' and deploy/roles.sql as the owner of the schemas", err)
		}
		if err != nil {
			return err
		}
	}
	return setSearchPath(ctx, databaseURL)
}

const searchPath = Views + ", " + Engine + ", public"

// setSearchPath changes nothing if the search path is already set: otherwise a role that does not
// own the database could not start the service. Without the lock, concurrent processes would fail.
func setSearchPath(ctx context.Context, databaseURL string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect to set search path: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext($1))`, lockName); err != nil {
		return fmt.Errorf("lock to set search path: %w", err)
	}
	var database string
	var set bool
	err = conn.QueryRow(ctx, `
		select d.datname, exists (
			select from pg_db_role_setting s
			where s.setdatabase = d.oid and s.setrole = 0 and 'search_path=' || $1 = any(s.setconfig))
		from pg_database d where d.datname = current_database()`, searchPath).Scan(&database, &set)
	if err != nil {
		return fmt.Errorf("read the database's search path: %w", err)
	}
	if set {
		return nil
	}
	change := "alter database " + pgx.Identifier{database}.Sanitize() + " set search_path = " + searchPath
	if _, err := conn.Exec(ctx, change); err != nil {
		return fmt.Errorf("set the database's search path: %w (run once as the owner of the database: %s)", err, change)
	}
	return nil
}

// lockName names the advisory lock that allows one process to migrate at a time.
const lockName = "ledgerboard migrate"

// upSchema creates the schema if it is missing and applies its files.
func upSchema(ctx context.Context, databaseURL, schema string) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("parse database URL: %w", err)
	}
	config.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	db := stdlib.OpenDB(*config)
	defer db.Close() // releases the lock
	// One connection, because the session that migrates must be the one that holds the advisory
	// lock.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `select pg_advisory_lock(hashtext($1))`, lockName); err != nil {
		return fmt.Errorf("lock for migration of schema %s: %w", schema, err)
	}
	if err := createSchema(ctx, db, schema); err != nil {
		return err
	}
	if err := refuseOldTables(ctx, db); err != nil || sets[schema] == "" {
		return err
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
	if err != nil {
		return fmt.Errorf("create schema %s: %w", schema, err)
	}
	return nil
}

// refuseOldTables refuses a database of an unreleased version: one with tables instead of views in
// schema lb, or one whose schema kept was built in many steps.
func refuseOldTables(ctx context.Context, db *sql.DB) error {
	var oldViews, oldKept bool
	err := db.QueryRowContext(ctx, "select to_regclass($1) is not null, to_regclass($2) is not null",
		Views+"."+versionTable, Kept+".paused_projections").Scan(&oldViews, &oldKept)
	switch {
	case err != nil:
		return fmt.Errorf("look for tables of an older version: %w", err)
	case oldViews:
		return errors.New("this database has tables of an older version in schema lb. Stop every process and run " +
			"'drop schema lb cascade'. The next start rebuilds all tables from the log; nothing is lost")
	case oldKept:
		return errors.New("this database has tables of an older version in schema kept. Stop every process and run " +
			"'drop schema kept cascade'. Then reconnect all accounts; everything else is in the log")
	}
	return nil
}
