package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

type secretsCommand struct {
	Rotate rotateCommand `cmd:"" help:"Reseal all stored tokens with the first key of LEDGERBOARD_SECRETS_KEY."`
}

// rotateCommand reseals all stored secrets with the first key. The steps around it:
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

func (c rotateCommand) Run(ctx context.Context, s streams) (err error) {
	keys, err := vault.ParseKeys(c.SecretsKey)
	if err := errors.Join(append(c.validate(), named("LEDGERBOARD_SECRETS_KEY", err))...); err != nil {
		return usageError{err}
	}
	at := c.backends(c.logger(s))
	at.SecretsKeys = keys
	parts := assembly.NewParts(at)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	secrets, err := parts.Secrets(ctx)
	if err != nil {
		return err
	}
	done, err := secrets.Rotate(ctx)
	if c.JSON {
		err = errors.Join(err, json.NewEncoder(s.Out).Encode(done))
	} else {
		fmt.Fprintf(s.Out, "%d secrets resealed with key %s, %d remain under others\n", done.Resealed, keys[0].ID(), done.Remaining)
		for _, ref := range done.Unreadable {
			fmt.Fprintf(s.Out, "  %s does not open with any of the keys\n", ref)
		}
	}
	if err == nil && done.Remaining > 0 {
		err = fmt.Errorf("%d secrets remain under other keys: run it again once every process has the new key first; "+
			"what no key opens must be connected again", done.Remaining)
	}
	return err
}
