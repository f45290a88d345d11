package main

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
)

// migrateCommand brings the schemas to this version. Services do so themselves at start; it is for deployments whose
// processes log in to the database as users that may not create tables (deploy/roles.sql).
type migrateCommand struct {
	storage
	logging
}

func (c migrateCommand) Run(ctx context.Context, s streams) error {
	if err := withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error { return parts.Migrate(ctx) }); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "The schemas lb and kept are at this version.")
	return nil
}
