package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// SecretStore keeps sealed secrets; it is never the log.
type SecretStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	Put(ctx context.Context, ref string, secret []byte, at time.Time) error
}

// StoredTokens is the sealed form of a connection's tokens. Encode it with [EncodeTokens] only:
// platforms.Tokens itself refuses to print them.
type StoredTokens struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero: not known, or never
}

// EncodeTokens is what goes into the secret store.
func EncodeTokens(t StoredTokens) ([]byte, error) {
	if t.AccessToken == "" {
		return nil, errors.New("an empty token never replaces a stored one")
	}
	return json.Marshal(t)
}

// refreshAhead is how long before its expiry a token is renewed.
const refreshAhead = 5 * time.Minute

// tokens hands out access tokens, renewed ahead of their expiry. Renewals of one connection are
// serialised, because TikTok's refresh token works once: two at a time would lose the connection.
type tokens struct {
	secrets SecretStore
	now     func() time.Time
	locks   *keyedLock
}

// access returns a token to read the account with.
func (t *tokens) access(ctx context.Context, client platforms.Client, account domain.ConnectedAccount) (string, error) {
	stored, err := t.load(ctx, account.SecretRef)
	if err != nil {
		return "", err
	}
	if stored.ExpiresAt.IsZero() || t.now().Add(refreshAhead).Before(stored.ExpiresAt) {
		return stored.AccessToken, nil
	}
	return t.renew(ctx, client, account, stored.AccessToken)
}

// renew replaces the token that did not work any more. Who waited for another's renewal takes that
// one's token.
func (t *tokens) renew(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, failed string) (string, error) {
	unlock, err := t.locks.lock(ctx, account.SecretRef)
	if err != nil {
		return "", fmt.Errorf("wait for token renewal: %w", err)
	}
	defer unlock()
	stored, err := t.load(ctx, account.SecretRef)
	if err != nil {
		return "", err
	}
	if stored.AccessToken != failed {
		return stored.AccessToken, nil
	}
	fresh, err := client.Refresh(ctx, platforms.RefreshRequest{
		Target:       platforms.Target{AccessToken: stored.AccessToken, ExternalID: account.ExternalID, AccountType: account.AccountType},
		RefreshToken: stored.RefreshToken,
	})
	if err != nil {
		return "", err
	}
	renewed := StoredTokens{AccessToken: fresh.AccessToken, RefreshToken: fresh.RefreshToken, ExpiresAt: fresh.ExpiresAt}
	if renewed.RefreshToken == "" {
		renewed.RefreshToken = stored.RefreshToken
	}
	sealed, err := EncodeTokens(renewed)
	if err != nil {
		return "", err
	}
	// Stored before it is used: a rotated refresh token that is lost here is lost for good.
	if err := t.secrets.Put(context.WithoutCancel(ctx), account.SecretRef, sealed, t.now()); err != nil {
		return "", fmt.Errorf("store renewed token: %w", err)
	}
	return renewed.AccessToken, nil
}

func (t *tokens) load(ctx context.Context, ref string) (StoredTokens, error) {
	var stored StoredTokens
	raw, err := t.secrets.Get(ctx, ref)
	if err != nil {
		return stored, fmt.Errorf("read tokens of connection: %w", err)
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		return stored, errors.New("read tokens of connection: the stored secret is not one of ours")
	}
	return stored, nil
}
