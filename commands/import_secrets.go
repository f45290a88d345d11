package commands

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// TokenStore is where secrets are sealed. Get's error is of [domain.CodeNotFound] where nothing is stored.
type TokenStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error
}

// SecretOutcome says what became of a row's secret.
type SecretOutcome int

// The outcomes.
const (
	SecretStored   SecretOutcome = iota + 1 // or would be
	SecretKept                              // the stored one stays: it is the same, or may have been renewed since
	SecretAbsent                            // the row has none: a person must connect the account again
	SecretReplaced                          // another one took the place of what was stored
)

// SealTokens stores a row's tokens under the connection's reference, before the event that names it is
// appended. A stored token is kept: it may be a renewed one, and the old one can then not be renewed
// again. It is replaced only when the connection waits for a sign-in and the row has a different token.
func (i Import) SealTokens(ctx context.Context, c domain.DirectoryConnection, row legacy.MemberAuth) (SecretOutcome, error) {
	if row.AccessToken == "" {
		return SecretAbsent, nil
	}
	if i.Secrets == nil {
		return SecretStored, nil
	}
	if same, looked := i.looked(c.SecretRef, string(row.AccessToken)); looked {
		if same || !i.ReplaceAll { // what was stored a row before waits for nobody
			return SecretKept, nil
		}
		return SecretReplaced, i.put(ctx, c.SecretRef, string(row.AccessToken), nil, domain.SecretTimes{})
	}
	stored := StoredTokens{AccessToken: string(row.AccessToken), RefreshToken: string(row.RefreshToken), OwnLogin: row.OwnLogin}
	if c.ExpiresAt != nil {
		stored.ExpiresAt = *c.ExpiresAt
	}
	outcome, taken := SecretStored, i.Now
	raw, err := i.Secrets.Get(ctx, c.SecretRef)
	switch {
	case err == nil:
		var present StoredTokens
		_ = json.Unmarshal(raw, &present) // what is no token of ours is another one than the row's
		place, err := i.place(ctx, c)
		if err != nil {
			return 0, err
		}
		if same := present.AccessToken == string(row.AccessToken); same || !i.ReplaceAll && !place.AwaitsSignIn() {
			return SecretKept, nil
		}
		if stored.RefreshToken == "" {
			stored.RefreshToken, stored.RefreshExpiresAt = present.RefreshToken, present.RefreshExpiresAt
		}
		outcome, taken = SecretReplaced, place.Taken(i.Now)
	case domain.CodeOf(err) != domain.CodeNotFound:
		return 0, fmt.Errorf("look for the tokens of connection %d: %w", c.ID, err)
	}
	sealed, err := EncodeTokens(stored)
	if err != nil {
		return 0, err
	}
	if err := i.put(ctx, c.SecretRef, stored.AccessToken, sealed, stored.Times(taken)); err != nil {
		return 0, fmt.Errorf("store the tokens of connection %d: %w", c.ID, err)
	}
	return outcome, nil
}

// looked tells whether a row before would have stored something under a ref, in a pass that stores nothing, and whether it is the same.
func (i Import) looked(ref, secret string) (same, looked bool) {
	before, looked := i.Looked[ref]
	return looked && before == sha256.Sum256([]byte(secret)), looked
}

// put stores a sealed secret; a pass that stores nothing keeps its digest.
func (i Import) put(ctx context.Context, ref, secret string, sealed []byte, times domain.SecretTimes) error {
	if i.Looked != nil {
		i.Looked[ref] = sha256.Sum256([]byte(secret))
		return nil
	}
	return i.Secrets.Put(ctx, ref, sealed, times)
}

// place is what the tables show of a connection; nothing when they do not have it yet.
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
