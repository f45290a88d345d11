package commands

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// TokenStore stores sealed secrets. Get returns an error with [domain.CodeNotFound] if nothing is
// stored.
type TokenStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	// PutOver stores a secret if old is still stored; nil: if none is. Otherwise, the error has
	// [domain.CodeConflict], or is [domain.ErrSecretRenewing] while a process renews the stored one.
	PutOver(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error
}

// SecretOutcome is the outcome of storing the tokens of a line.
type SecretOutcome int

// The outcomes.
const (
	SecretStored   SecretOutcome = iota + 1 // stored, or would be stored
	SecretKept                              // the stored tokens are kept: they are the same, or may have been renewed
	SecretAbsent                            // the line has no token: a person must connect the account again
	SecretReplaced                          // different tokens replaced the stored ones
)

// SealTokens stores the tokens of a connection under its reference; without write, it only returns
// the outcome. Call it before the event of the connection is appended. It replaces stored tokens
// only if the connection waits for a sign-in and the line has a different token, because the stored
// tokens may be renewed ones. Other tokens that are stored in the meantime are newer and are kept.
func (i Import) SealTokens(
	ctx context.Context, c domain.DirectoryConnection, tokens StoredTokens, write bool,
) (SecretOutcome, error) {
	if tokens.AccessToken == "" {
		return SecretAbsent, nil
	}
	if i.Secrets == nil {
		return SecretStored, nil
	}
	outcome, taken := SecretStored, i.Now
	raw, err := i.Secrets.Get(ctx, c.SecretRef)
	switch {
	case err == nil:
		var present StoredTokens
		_ = json.Unmarshal(raw, &present) // if it is not a token, it is treated as a different one
		place, err := i.place(ctx, c)
		if err != nil {
			return 0, err
		}
		if present.AccessToken == tokens.AccessToken || !place.PageAwaitsSignIn() {
			return SecretKept, nil
		}
		if tokens.RefreshToken == "" {
			tokens.RefreshToken, tokens.RefreshExpiresAt = present.RefreshToken, present.RefreshExpiresAt
		}
		outcome, taken = SecretReplaced, place.Taken(i.Now)
	case domain.CodeOf(err) != domain.CodeNotFound:
		return 0, fmt.Errorf("read the tokens of connection %d: %w", c.ID, err)
	}
	if !write {
		return outcome, nil
	}
	sealed, err := EncodeTokens(tokens)
	if err != nil {
		return 0, err
	}
	switch err := i.Secrets.PutOver(ctx, c.SecretRef, raw, sealed, tokens.Times(taken)); {
	case domain.CodeOf(err) == domain.CodeConflict:
		return SecretKept, nil
	case err != nil:
		return 0, fmt.Errorf("store the tokens of connection %d: %w", c.ID, err)
	}
	return outcome, nil
}

// place returns the place of the connection's tokens; the zero value if the tables do not show the
// connection yet.
func (i Import) place(ctx context.Context, c domain.DirectoryConnection) (place domain.TokenPlace, err error) {
	if i.Places == nil {
		return place, nil
	}
	place, err = i.Places.TokenPlace(ctx, c.ID)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return place, nil
	}
	return place, err
}
