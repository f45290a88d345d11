package main

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
)

// migrateCommand brings the schemas to this version. Services do so themselves at start; it is for
// those who give the service a database role that may not create tables.
type migrateCommand struct {
	storage
	logging
}

// Run implements the command.
func (c migrateCommand) Run(ctx context.Context, s streams) error {
	b := &backends{databaseURL: c.DatabaseURL}
	if b.databaseURL == "" {
		if err := b.startPostgres(ctx, c.storage, c.logger(s)); err != nil {
			return err
		}
	}
	defer b.Close() //nolint:errcheck // nothing is written after the migration
	if err := assembly.Migrate(ctx, b.databaseURL); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "The schemas lb, kept and river are at this version.")
	return nil
}
