package commands

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// TokenStore stores sealed secrets. Get returns an error with [domain.CodeNotFound] if nothing is
// stored.
type TokenStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	// PutOver stores a secret if old is still stored; nil: if none is. Otherwise, the error has
	// [domain.CodeConflict].
	PutOver(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error
}

// SecretOutcome is the outcome of storing a row's secret.
type SecretOutcome int

// The outcomes.
const (
	SecretStored   SecretOutcome = iota + 1 // stored, or would be stored
	SecretKept                              // the stored secret is kept: it is the same, or may have been renewed
	SecretAbsent                            // the row has no secret: a person must connect the account again
	SecretReplaced                          // a different secret replaced the stored one
)

// SealTokens stores a row's tokens under the connection's reference. Call it before the event of
// the connection is appended. Without ReplaceAll, it replaces stored tokens only if the connection
// waits for a sign-in and the row has a different token, because the stored tokens may be renewed
// ones. If other tokens are stored in the meantime, it decides again.
func (i Import) SealTokens(
	ctx context.Context, c domain.DirectoryConnection, row legacy.MemberAuth,
) (outcome SecretOutcome, err error) {
	for range 3 {
		if outcome, err = i.sealTokens(ctx, c, row); domain.CodeOf(err) != domain.CodeConflict {
			break
		}
	}
	return outcome, err
}

func (i Import) sealTokens(
	ctx context.Context, c domain.DirectoryConnection, row legacy.MemberAuth,
) (SecretOutcome, error) {
	token := string(row.AccessToken)
	if token == "" {
		return SecretAbsent, nil
	}
	if i.Secrets == nil {
		return SecretStored, nil
	}
	if earlier, found := i.Looked[c.SecretRef]; found { // an earlier row would have stored a fresh token
		if earlier == sha256.Sum256([]byte(token)) || !i.ReplaceAll {
			return SecretKept, nil
		}
		return SecretReplaced, i.put(ctx, c.SecretRef, token, nil, nil, domain.SecretTimes{})
	}
	stored := StoredTokens{AccessToken: token, RefreshToken: string(row.RefreshToken), OwnLogin: row.OwnLogin}
	if c.ExpiresAt != nil {
		stored.ExpiresAt = *c.ExpiresAt
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
		if present.AccessToken == token || !i.ReplaceAll && !place.AwaitsSignIn() {
			return SecretKept, nil
		}
		if stored.RefreshToken == "" {
			stored.RefreshToken, stored.RefreshExpiresAt = present.RefreshToken, present.RefreshExpiresAt
		}
		outcome, taken = SecretReplaced, place.Taken(i.Now)
	case domain.CodeOf(err) != domain.CodeNotFound:
		return 0, fmt.Errorf("read the tokens of connection %d: %w", c.ID, err)
	}
	sealed, err := EncodeTokens(stored)
	if err != nil {
		return 0, err
	}
	if err := i.put(ctx, c.SecretRef, token, raw, sealed, stored.Times(taken)); err != nil {
		return 0, fmt.Errorf("store the tokens of connection %d: %w", c.ID, err)
	}
	return outcome, nil
}

// put stores a sealed secret. A pass that stores nothing records its digest instead.
func (i Import) put(ctx context.Context, ref, secret string, old, sealed []byte, times domain.SecretTimes) error {
	if i.Looked != nil {
		i.Looked[ref] = sha256.Sum256([]byte(secret))
		return nil
	}
	return i.Secrets.PutOver(ctx, ref, old, sealed, times)
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
