package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// putCommand stores the tokens of a new sign-in, beside the running service. They come on standard input,
// because arguments can be seen by everybody on the machine:
//
//	{"access_token":"…","refresh_token":"…","expires_at":"2026-11-20T14:00:00Z","refresh_expires_at":"2027-05-19T12:00:00Z"}
type putCommand struct {
	storage
	logging
	SecretsKey string `required:"" env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"The keys; the first one seals."`
	Connection int64  `required:"" placeholder:"ID" help:"The connection (id of tMemberAuth)."`
	JSON       bool   `name:"json" help:"Print a JSON object."`

	in io.Reader // nil: standard input
}

// Help implements kong.HelpProvider.
func (putCommand) Help() string {
	return `One JSON object on standard input, for example from a file that only you can read:

  {"access_token":"…","refresh_token":"…","expires_at":"2026-11-20T14:00:00Z","refresh_expires_at":"2027-05-19T12:00:00Z"}

All but access_token may be left out where the platform gives none; "instagram_login":true|false says by
which login a token of Instagram was got (left out: as before). Times are RFC 3339. The tokens take the
place of the stored ones as a whole, and are neither logged nor printed. A connection that waited for a
person to sign in again is read again at the next look.`
}

// maxTokensInput is far beyond what platforms give, in bytes.
const maxTokensInput = 64 << 10

func (c putCommand) Run(ctx context.Context, s streams) (err error) {
	keys, err := vault.ParseKeys(c.SecretsKey)
	wrong := append(c.validate(), named("LEDGERBOARD_SECRETS_KEY", err), c.needTables(""))
	if c.Connection <= 0 {
		wrong = append(wrong, fmt.Errorf("--connection is %d; use the connection's id, 1 or more", c.Connection))
	}
	if err := errors.Join(wrong...); err != nil {
		return usageError{err}
	}
	in := c.in
	if in == nil {
		in = os.Stdin
	}
	given, err := readTokens(in)
	if err != nil {
		return usageError{fmt.Errorf("nothing was stored: standard input %w", err)}
	}
	at := c.backends(c.logger(s))
	at.SecretsKeys = keys
	parts := assembly.NewParts(at)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err := parts.Migrate(ctx); err != nil {
		return explainInUse(err)
	}
	secrets, err := parts.Secrets(ctx)
	if err != nil {
		return err
	}
	tables, err := parts.Tables(ctx)
	if err != nil {
		return err
	}
	use := collect.HandOverTokens{
		Places: readmodels.Connections{Pool: tables}, Secrets: secrets, Now: time.Now,
	}
	done, err := use.HandOver(ctx, c.Connection, given)
	switch code := domain.CodeOf(err); {
	case code == domain.CodeInvalid, code == domain.CodeNotFound, code == domain.CodeConflict:
		return usageError{fmt.Errorf("nothing was stored for connection %d:\n%w", c.Connection, err)}
	case err != nil:
		return fmt.Errorf("nothing was stored: %w", err)
	case c.JSON:
		return json.NewEncoder(s.Out).Encode(done)
	}
	printHandedOver(s.Out, done)
	return nil
}

// readTokens reads the one object. Its errors never quote what was read: a token may stand in any field.
func readTokens(in io.Reader) (t collect.NewTokens, err error) {
	raw, err := io.ReadAll(io.LimitReader(in, maxTokensInput+1))
	if err != nil {
		return t, fmt.Errorf("cannot be read: %w", err)
	}
	var fields map[string]json.RawMessage
	if len(raw) > maxTokensInput || json.Unmarshal(raw, &fields) != nil || fields == nil {
		return t, fmt.Errorf("is not one JSON object of at most %d bytes, like {\"access_token\":\"…\",\"refresh_token\":\"…\",\"expires_at\":\"2026-11-20T14:00:00Z\"}", maxTokensInput)
	}
	t, wrong := collect.ReadTokens(fields)
	errs := make([]error, len(wrong))
	for i, field := range wrong {
		errs[i] = fmt.Errorf("%s %s", field.Field, field.Detail)
	}
	return t, errors.Join(errs...)
}

func printHandedOver(out io.Writer, done collect.HandedOver) {
	fmt.Fprintf(out, "The tokens of connection %d (%s) are stored", done.Connection, done.Platform)
	switch {
	case done.Unchanged:
		fmt.Fprint(out, " already, and may have been renewed since: they stay")
	case done.Replaced:
		fmt.Fprint(out, " in the place of the old ones")
	}
	fmt.Fprintln(out, ".")
	if done.Awaited {
		fmt.Fprintln(out, "It was waiting for this sign-in: it is read again at the next look, and /api/platforms says how that went.")
	} else {
		fmt.Fprintln(out, "They are used from its next reading on.")
	}
	switch {
	case done.Renewable && done.RefreshExpiresAt != nil:
		fmt.Fprintf(out, "They are renewed ahead of their end, until %s: sign in again before that.\n", done.RefreshExpiresAt.UTC().Format(time.RFC3339))
	case done.Renewable:
		fmt.Fprintln(out, "They are renewed ahead of their end.")
	case done.ExpiresAt != nil:
		fmt.Fprintf(out, "They cannot be renewed: sign in again before %s.\n", done.ExpiresAt.UTC().Format(time.RFC3339))
	default:
		fmt.Fprintln(out, "They cannot be renewed, and are used until the platform refuses them.")
	}
}
