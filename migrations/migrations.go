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
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect to set search path: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `do $$ begin execute format('alter database %I set search_path = lb, public', current_database()); end $$`)
	if err != nil {
		return fmt.Errorf("set the database's search path: %w", err)
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

func migrate(ctx context.Context, db *sql.DB, set, schema string) error {
	// One connection, so that the advisory lock below is held by the session that migrates.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `select pg_advisory_lock(hashtext($1))`, "ledgerboard migrate"); err != nil {
		return fmt.Errorf("lock for migration of schema %s: %w", schema, err)
	}
	defer db.ExecContext(context.WithoutCancel(ctx), `select pg_advisory_unlock(hashtext($1))`, "ledgerboard migrate") //nolint:errcheck // closing the session unlocks too
	if _, err := db.ExecContext(ctx, "create schema if not exists "+pgx.Identifier{schema}.Sanitize()); err != nil {
		return fmt.Errorf("create schema %s: %w", schema, err)
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
