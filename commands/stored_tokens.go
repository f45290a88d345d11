package commands

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// StoredTokens is the sealed form of a connection's tokens. Encode it only with [EncodeTokens]:
// platforms.Tokens refuses to print its contents.
type StoredTokens struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero if unknown or never
	// RefreshExpiresAt is when RefreshToken expires and a person must sign in again; zero if
	// unknown or never.
	RefreshExpiresAt time.Time `json:"refresh_expires_at,omitzero"`
	// OwnLogin is true if the token is from the platform's own login and renews itself. Otherwise
	// it is from the login of [domain.PlatformFacts.LoginBy]. It applies only to platforms with a
	// LoginBy.
	OwnLogin bool `json:"instagram_login,omitempty"`
	// VerifiedAs is the account to which the tokens belong, as reported by the platform; "" if it
	// was not asked yet.
	VerifiedAs string `json:"verified_as,omitempty"`
	// Granted lists the scopes of the tokens as reported by the platform, in order; nil if it was
	// not asked or does not report them.
	Granted []string `json:"granted,omitzero"`
	// Pages holds the pages' own tokens, by the platform's ids of the social accounts that they
	// read, if AccessToken belongs to a person.
	Pages map[string]string `json:"pages,omitempty"`
	// HandedOver is the digest of the tokens that a main application handed over and from which
	// these were renewed; "" for tokens from another source.
	HandedOver string `json:"handed_over,omitempty"`
	// DataAccessUntil is when Meta stops providing data with the tokens, whatever ExpiresAt says;
	// zero for other platforms or if unknown.
	DataAccessUntil time.Time `json:"data_access_until,omitzero"`
}

// Times returns the metadata of the tokens that is stored unsealed.
func (t StoredTokens) Times(taken time.Time) domain.SecretTimes {
	return domain.SecretTimes{
		Taken: taken, Expires: t.ExpiresAt, RenewableUntil: t.SignInBefore(), DataAccessUntil: t.DataAccessUntil, Granted: t.Granted,
	}
}

// SignInBefore returns when a person must have signed in again: when renewals end, when the access
// token expires if it cannot be renewed, or when Meta stops providing data, whichever is first.
// Zero if unknown or never.
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

// Expired reports whether the access token has expired, as far as is known.
func (t StoredTokens) Expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// EncodeTokens returns the form of the tokens that is sealed in the secret store.
func EncodeTokens(t StoredTokens) ([]byte, error) {
	if t.AccessToken == "" {
		return nil, errors.New("the access token is empty")
	}
	return json.Marshal(t)
}

// TokenPlaces finds where a connection's tokens are stored.
type TokenPlaces interface {
	TokenPlace(ctx context.Context, connection int64) (domain.TokenPlace, error)
}
