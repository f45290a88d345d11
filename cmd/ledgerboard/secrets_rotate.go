package main

import (
	"context"
	"encoding/json"
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

func (c rotateCommand) Run(ctx context.Context, s streams) error {
	keys, err := vault.OpenKeyring(c.SecretsKey, c.logger(s))
	if err := errors.Join(append(c.Faults(), wrapError("LEDGERBOARD_SECRETS_KEY", err))...); err != nil {
		return usageError{err}
	}
	config := c.config(c.logger(s))
	config.SecretsKey = c.SecretsKey
	return withParts(config, func(parts *app.Parts) error {
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		secrets, err := parts.Secrets(ctx)
		if err != nil {
			return err
		}
		return c.rotate(ctx, s, secrets, keys.Current()[0].ID())
	})
}

func (c rotateCommand) rotate(ctx context.Context, s streams, secrets *vault.Secrets, key string) error {
	done, err := secrets.Rotate(ctx)
	if c.JSON {
		err = errors.Join(err, json.NewEncoder(s.Out).Encode(done))
	} else {
		fmt.Fprintf(s.Out, "%d secrets re-encrypted with key %s; %d remain under other keys\n",
			done.Resealed, key, done.Remaining)
		for _, ref := range done.Unreadable {
			fmt.Fprintf(s.Out, "  no key decrypts %s\n", ref)
		}
	}
	if err == nil && done.Remaining > 0 {
		err = fmt.Errorf("%d secrets remain under other keys: "+
			"run the command again once the new key is first in every process; "+
			"accounts whose secrets no key decrypts must be connected again", done.Remaining)
	}
	return err
}
