package scheduler

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Migrate brings schema river to the version that this binary's River needs. It is safe to call from
// several processes at once.
func Migrate(ctx context.Context, databaseURL string) error {
	pool, err := pg.Open(ctx, pg.Config{URL: databaseURL, SearchPath: []string{Schema}, Name: "migrate river", MaxConns: 2})
	if err != nil {
		return err
	}
	defer pool.Close()
	return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return migrateLocked(ctx, conn.Conn(), pool) })
}

// migrateLocked holds a lock on conn while River migrates over pool: River takes none itself, and two
// processes would make the same tables.
func migrateLocked(ctx context.Context, conn *pgx.Conn, pool *pgxpool.Pool) error {
	const name = "ledgerboard migrate river"
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext($1))`, name); err != nil {
		return fmt.Errorf("lock for migration of schema %s: %w", Schema, err)
	}
	//nolint:errcheck // the session's end unlocks too
	defer conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock(hashtext($1))`, name)
	// "if not exists" would ask for the right to create schemas, also where there is nothing to do.
	var exists bool
	err := conn.QueryRow(ctx, `select exists (select from pg_namespace where nspname = $1)`, Schema).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "create schema "+Schema)
	}
	if err != nil {
		return fmt.Errorf("create schema %s: %w", Schema, err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{
		Schema: Schema, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return fmt.Errorf("read River's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate schema %s: %w", Schema, err)
	}
	return nil
}
