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

func (c migrateCommand) Run(ctx context.Context, s streams) error {
	parts := assembly.NewParts(c.backends(c.logger(s)))
	defer parts.Close() //nolint:errcheck // nothing is written after the migration
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "The schemas lb, kept and river are at this version.")
	return nil
}
