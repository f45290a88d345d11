package tables

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Schemas are the search path of the tables that [Create] makes, then of their views, and the engine's last.
func Schemas() []string {
	var schemas []string
	for _, p := range projectors.All() {
		schemas = append(schemas, ddl.Schema(p.Name, 1))
	}
	return append(schemas, Views()...)
}

// Views are the search path of readers.
func Views() []string {
	var schemas []string
	for _, p := range projectors.All() {
		schemas = append(schemas, ddl.ViewSchema(p.Name, p.Version))
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
	for _, p := range projectors.All() {
		definition, schema := p.Definition, pg.SearchPath(ddl.Schema(p.Name, 1))
		if _, err := conn.Exec(ctx, "create schema "+schema+"; set search_path = "+schema+";"+definition.Tables()+definition.Keys()+
			"; set search_path = "+migrations.Engine+";"+definition.Views(p.Name, p.Version, 1)); err != nil {
			return fmt.Errorf("make tables of %s: %w", p.Name, err)
		}
	}
	return nil
}
