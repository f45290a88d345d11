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
	"github.com/pressly/goose/v3/database"
)

//go:embed lb/*.sql kept/*.sql
var files embed.FS

// The schemas. Derived holds only what folds of the log made and may be dropped at any time; Kept
// holds only what the log must not hold.
const (
	Derived = "lb"
	Kept    = "kept"
)

// versionTable is goose's own record, inside the schema it speaks of: dropping the schema drops the
// record too, and the next start makes both anew.
const versionTable = "schema_migrations"

// Up brings both schemas of the database to the newest version and gives the database a search path
// under which `select * from tSAccountIns` works as typed. It is safe to call from several processes
// at once.
func Up(ctx context.Context, databaseURL string) error {
	for _, schema := range []string{Kept, Derived} {
		if err := UpSchema(ctx, databaseURL, schema, schema); err != nil {
			return err
		}
	}
	return setSearchPath(ctx, databaseURL)
}

const searchPath = "lb, public"

// setSearchPath changes nothing that is set: two processes at once would fail each other, and a role that
// does not own the database could not start the service.
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
		select d.datname, exists (select from pg_db_role_setting s
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
		return fmt.Errorf("set the database's search path: %w (let its owner run once: %s)", err, change)
	}
	return nil
}

// UpSchema applies the files of set ([Derived] or [Kept]) to the named schema, creating it when it
// is missing; a shadow schema is set Derived under another name.
func UpSchema(ctx context.Context, databaseURL, set, schema string) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("parse database URL: %w", err)
	}
	name := pgx.Identifier{schema}.Sanitize()
	config.RuntimeParams["search_path"] = name
	db := stdlib.OpenDB(*config)
	defer db.Close()
	return migrate(ctx, db, set, schema)
}

// lockName names the advisory lock under which one process at a time migrates.
const lockName = "ledgerboard migrate"

func migrate(ctx context.Context, db *sql.DB, set, schema string) error {
	// One connection, so that the advisory lock below is held by the session that migrates.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `select pg_advisory_lock(hashtext($1))`, lockName); err != nil {
		return fmt.Errorf("lock for migration of schema %s: %w", schema, err)
	}
	defer db.ExecContext(context.WithoutCancel(ctx), `select pg_advisory_unlock(hashtext($1))`, lockName) //nolint:errcheck // closing the session unlocks too
	if err := createSchema(ctx, db, schema); err != nil {
		return err
	}
	sub, err := fs.Sub(files, set)
	if err != nil {
		return fmt.Errorf("open embedded files: %w", err)
	}
	store, err := database.NewStore(database.DialectPostgres, schema+"."+versionTable)
	if err != nil {
		return fmt.Errorf("open version table: %w", err)
	}
	provider, err := goose.NewProvider("", db, sub, goose.WithStore(store))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	return nil
}

// createSchema looks first: "if not exists" asks for the right to create one, also where there is nothing
// to do.
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
