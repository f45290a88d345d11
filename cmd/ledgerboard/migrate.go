package main

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// migrateCommand brings the schemas to this version. Services do so themselves at start; it is for
// those who give the service a database role that may not create tables, and makes such roles.
type migrateCommand struct {
	storage
	logging
	Roles  bool     `help:"Also make groups of the database (ledgerboard_api, ledgerboard_projector, …) with the rights that each role of a process needs, and no more."`
	Logins []string `name:"database-logins" env:"LEDGERBOARD_DATABASE_LOGINS" placeholder:"NAME=ROLE+ROLE:PASSWORD,…" help:"With --roles: users of the database to make, or to change, as members of the groups of these roles: api, connect (api that also connects accounts or takes tokens), fetcher, projector, signer, operator (all of them)."`
}

func (c migrateCommand) Run(ctx context.Context, s streams) error {
	logins, err := migrations.ParseLogins(c.Logins)
	if err != nil {
		return usageError{fmt.Errorf("LEDGERBOARD_DATABASE_LOGINS: %w", err)}
	}
	if len(logins) > 0 && !c.Roles { // the shell may have it for the next command
		fmt.Fprintln(s.Err, "LEDGERBOARD_DATABASE_LOGINS is for 'migrate --roles' alone: no login is made or changed.")
	}
	parts := assembly.NewParts(c.backends(c.logger(s)))
	defer parts.Close() //nolint:errcheck // nothing is written after the migration
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "The schemas lb and kept are at this version.")
	if !c.Roles {
		return nil
	}
	url, err := parts.DatabaseURL(ctx)
	if err != nil {
		return err
	}
	if err := migrations.Grant(ctx, url, logins); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "The groups have their rights; %d logins are made or changed.\n", len(logins))
	return nil
}
