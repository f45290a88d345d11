package tables

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// Schemas are the search path of the tables that [Create] makes, the engine's last.
func Schemas() []string {
	var schemas []string
	for _, projection := range slices.Sorted(maps.Keys(ddl.All())) {
		schemas = append(schemas, ddl.Schema(projection, 1))
	}
	return append(schemas, migrations.Engine)
}

// Create brings a database to this version and makes the tables of generation 1 of every projection in it.
func Create(ctx context.Context, databaseURL string) error {
	if err := migrations.Up(ctx, databaseURL); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for projection, definition := range ddl.All() {
		schema := pg.SearchPath(ddl.Schema(projection, 1))
		if _, err := conn.Exec(ctx, "create schema "+schema+"; set search_path = "+schema+";"+definition.Tables()+definition.Keys()); err != nil {
			return fmt.Errorf("make tables of %s: %w", projection, err)
		}
	}
	return nil
}
