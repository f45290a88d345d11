package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

type secretsCommand struct {
	Rotate rotateCommand `cmd:"" help:"Re-encrypt all stored tokens with the first key of LEDGERBOARD_SECRETS_KEY."`
}

// rotateCommand re-encrypts all stored secrets with the first key. A rotation has these steps:
//
//  1. Append the new key to LEDGERBOARD_SECRETS_KEY in every process. If the setting is a file,
//     wait a minute; otherwise, restart the processes. The same applies to step 2.
//  2. Move the new key to the front in every process.
//  3. Run this command until no secrets remain under other keys.
//  4. Remove the old key.
//
// The command can run while the service runs, and it can be interrupted and repeated: each row is
// encrypted with one of the two keys, and all processes have both keys.
type rotateCommand struct {
	installation
	SecretsKey string `required:"" env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"The keys, with the new one first."`
	JSON       bool   `help:"Print a JSON object."`
}

func (r rotateCommand) Run(ctx context.Context, std streams) error {
	keys, err := vault.OpenKeyring(r.SecretsKey, r.logger(std))
	if err := errors.Join(append(r.Faults(), wrapError("LEDGERBOARD_SECRETS_KEY", err))...); err != nil {
		return usageError{err}
	}
	config := r.config(r.logger(std))
	config.SecretsKey = r.SecretsKey
	return withParts(config, func(parts *app.Parts) error {
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		secrets, err := parts.Secrets(ctx)
		if err != nil {
			return err
		}
		return r.rotate(ctx, std, secrets, keys.Current()[0].ID())
	})
}

func (r rotateCommand) rotate(ctx context.Context, std streams, secrets *vault.Secrets, key string) error {
	done, err := secrets.Rotate(ctx)
	err = errors.Join(err, show(std.Out, r.JSON, done, func() {
		fmt.Fprintf(std.Out, "%d secrets re-encrypted with key %s; %d remain under other keys\n",
			done.Resealed, key, done.Remaining)
		for _, ref := range done.Unreadable {
			fmt.Fprintf(std.Out, "  no key decrypts %s\n", ref)
		}
	}))
	if err == nil && done.Remaining > 0 {
		err = fmt.Errorf("%d secrets remain under other keys: "+
			"run the command again once the new key is first in every process; "+
			"accounts whose secrets no key decrypts must be connected again", done.Remaining)
	}
	return err
}
