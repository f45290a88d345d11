package commands

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// StoredTokens is the sealed form of a connection's tokens. Encode it with [EncodeTokens] only:
// platforms.Tokens itself refuses to print them.
type StoredTokens struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero: not known, or never
	// RefreshExpiresAt is when RefreshToken ends, and a person must sign in again; zero: not known, or never.
	RefreshExpiresAt time.Time `json:"refresh_expires_at,omitzero"`
	// OwnLogin says that the token is of the platform's own login, and renews itself; otherwise it is of the login of
	// [domain.PlatformFacts.LoginBy]. Only where there is one.
	OwnLogin bool `json:"instagram_login,omitempty"`
	// VerifiedAs is the account that the platform has said the tokens are of; "": it was not asked yet.
	VerifiedAs string `json:"verified_as,omitempty"`
	// Granted are the scopes that the platform says they have, in their order; nil: it was not asked, or does not say.
	Granted []string `json:"granted,omitzero"`
	// Pages are the pages' own tokens, by the platform's ids of the social accounts that they read, where AccessToken is a person's.
	Pages map[string]string `json:"pages,omitempty"`
	// HandedOver is the digest of what a main application handed over, of which these may be renewals; "": they came another way.
	HandedOver string `json:"handed_over,omitempty"`
	// DataAccessUntil is when Meta gives no data with them any more, whatever ExpiresAt says; zero: other platforms, or not known.
	DataAccessUntil time.Time `json:"data_access_until,omitzero"`
}

// Times is what may be known of the tokens without opening them.
func (t StoredTokens) Times(taken time.Time) domain.SecretTimes {
	return domain.SecretTimes{
		Taken: taken, Expires: t.ExpiresAt, RenewableUntil: t.SignInBefore(), DataAccessUntil: t.DataAccessUntil, Granted: t.Granted,
	}
}

// SignInBefore is when a person must have signed in again: when renewals end, or the access token itself where there
// is no renewal, or when Meta gives no data any more, whichever is first. Zero: not known, or never.
func (t StoredTokens) SignInBefore() time.Time {
	end := t.renewableUntil()
	if end.IsZero() || !t.DataAccessUntil.IsZero() && t.DataAccessUntil.Before(end) {
		return t.DataAccessUntil
	}
	return end
}

func (t StoredTokens) renewableUntil() time.Time {
	switch {
	case t.RefreshToken != "":
		return t.RefreshExpiresAt
	case t.OwnLogin: // it renews itself
		return time.Time{}
	default:
		return t.ExpiresAt
	}
}

// Over tells whether the access token has ended, as far as is known.
func (t StoredTokens) Over(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// EncodeTokens is what goes into the secret store.
func EncodeTokens(t StoredTokens) ([]byte, error) {
	if t.AccessToken == "" {
		return nil, errors.New("an empty token never replaces a stored one")
	}
	return json.Marshal(t)
}

// TokenPlaces finds where the tokens of a connection are stored.
type TokenPlaces interface {
	TokenPlace(ctx context.Context, connection int64) (domain.TokenPlace, error)
}
