package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
)

// fillingDatabase is the name of a world's database until it is whole.
const fillingDatabase = "bench_filling"

// database is the name of the world's database of some agencies.
func (w figureWorld) database(agencies int) string { return fmt.Sprintf("%s_%d", w.name, agencies) }

// filled returns the URL of the world's database of some agencies: the one that an earlier run kept, or a copy of that of
// fewer agencies (0: of none), to which the others are added.
func (b *bench) filled(ctx context.Context, w figureWorld, fewer, agencies int) (string, error) {
	admin, err := pgx.Connect(ctx, b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer admin.Close(ctx)
	name := w.database(agencies)
	var kept bool
	if err := admin.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&kept); err != nil {
		return "", fmt.Errorf("look for database %s: %w", name, err)
	}
	if kept {
		return b.urlOf(name)
	}
	create := "create database " + fillingDatabase
	if fewer > 0 {
		create += " template " + w.database(fewer)
	}
	for _, statement := range []string{"drop database if exists " + fillingDatabase, create} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := b.addAgencies(ctx, w, fewer, agencies); err != nil {
		return "", err
	}
	// What a checkpoint would write meanwhile is written before anything is measured.
	for _, statement := range []string{"alter database " + fillingDatabase + " rename to " + name, "checkpoint"} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
	}
	return b.urlOf(name)
}

// addAgencies fills agencies from first up to (not including) end into the database that is being filled.
func (b *bench) addAgencies(ctx context.Context, w figureWorld, first, end int) error {
	url, err := b.urlOf(fillingDatabase)
	if err != nil {
		return err
	}
	if first == 0 {
		if err := tables.Create(ctx, url); err != nil {
			return err
		}
	}
	pool, err := openTables(ctx, url, 8)
	if err != nil {
		return err
	}
	defer pool.Close()
	began := time.Now()
	if err := w.fill(ctx, pool, first, end); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench: %d post readings are filled, the last %d in %s\n",
		end*w.readings(), (end-first)*w.readings(), time.Since(began).Round(time.Second))
	return nil
}
