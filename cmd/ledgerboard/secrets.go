package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// secretsCommand is what concerns the sealed tokens.
type secretsCommand struct {
	Put    putCommand    `cmd:"" help:"Store the tokens of a new sign-in at a platform; they come as JSON on standard input."`
	Rotate rotateCommand `cmd:"" help:"Seal all stored tokens anew under the first key of LEDGERBOARD_SECRETS_KEY."`
}

// rotateCommand seals all stored secrets anew under the first key. The steps around it:
//
//  1. add the new key at the end of LEDGERBOARD_SECRETS_KEY everywhere, and restart;
//  2. move it to the front everywhere, and restart;
//  3. run this until nothing remains;
//  4. drop the old key.
//
// It may run beside the service, be stopped at any time and be repeated: a row is under one key or the
// other, and both open.
type rotateCommand struct {
	storage
	logging
	SecretsKey string `required:"" env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"The keys, the new one first."`
	JSON       bool   `name:"json" help:"Print a JSON object."`
}

// Run implements the command.
func (c rotateCommand) Run(ctx context.Context, s streams) (err error) {
	keys, err := vault.ParseKeys(c.SecretsKey)
	if err := errors.Join(append(c.validate(), named("LEDGERBOARD_SECRETS_KEY", err))...); err != nil {
		return usageError{err}
	}
	b, secrets, err := openSecrets(ctx, c.storage, c.logger(s), keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	done, err := secrets.Rotate(ctx)
	if c.JSON {
		err = errors.Join(err, json.NewEncoder(s.Out).Encode(done))
	} else {
		fmt.Fprintf(s.Out, "%d secrets sealed anew under key %s, %d remain under others\n", done.Resealed, keys[0].ID(), done.Remaining)
		for _, ref := range done.Unreadable {
			fmt.Fprintf(s.Out, "  %s does not open with any of the keys\n", ref)
		}
	}
	if err == nil && done.Remaining > 0 {
		err = fmt.Errorf("%d secrets remain under other keys: run it again once every process has the new key first; what no key opens must be connected again", done.Remaining)
	}
	return err
}

// openSecrets opens the store of sealed secrets in the database that is named, or in the data directory.
func openSecrets(ctx context.Context, c storage, logger *slog.Logger, keys vault.Keys) (_ *backends, _ *vault.Secrets, err error) {
	b := &backends{databaseURL: c.DatabaseURL}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.databaseURL == "" {
		if err := b.startPostgres(ctx, c, logger); err != nil {
			return nil, nil, err
		}
	}
	if err := migrations.Up(ctx, b.databaseURL); err != nil {
		return nil, nil, err
	}
	pool, err := vault.Open(ctx, b.databaseURL)
	if err != nil {
		return nil, nil, err
	}
	b.Add(func() error { pool.Close(); return nil })
	secrets, err := vault.NewSecrets(pool, keys)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return b, secrets, nil
}
