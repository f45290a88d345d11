package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// HandOverTokens stores the tokens of a new sign-in. It is the way out of the state reconnect: the fetchers
// read a connection again whose token was stored after that state.
type HandOverTokens struct {
	Places  commands.TokenPlaces
	Secrets commands.TokenStore
	Now     func() time.Time
}

// NewTokens are the tokens of a sign-in, as the platform gave them to whoever asked the person.
type NewTokens struct {
	AccessToken      string
	RefreshToken     string    // "": the platform gave none
	ExpiresAt        time.Time // zero: never, or not known
	RefreshExpiresAt time.Time // zero: never, or not known
	// InstagramLogin is [commands.StoredTokens.InstagramLogin]; nil: as the stored ones.
	InstagramLogin *bool
}

// HandedOver says what was stored and what to expect. No token is in it.
type HandedOver struct {
	Connection int64           `json:"connection"`
	Platform   domain.Platform `json:"p_id"`
	// Replaced tells whether there were tokens before.
	Replaced bool `json:"replaced"`
	// Awaited tells whether the connection was waiting for this sign-in.
	Awaited   bool       `json:"awaited"`
	ExpiresAt *time.Time `json:"expires_at"` // of the access token; null: never, or not known
	// RefreshExpiresAt is when renewals end and a person must sign in again; null: not known.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at"`
	// Renewable tells whether the access token can be renewed without a person.
	Renewable bool `json:"renewable"`
}

// longestToken is far beyond what platforms give, in bytes.
const longestToken = 16 << 10

// Errors of [HandOverTokens].
var (
	// ErrNoSecretRef (conflict): there is no place for the connection's tokens.
	ErrNoSecretRef = domain.NewError(domain.CodeConflict,
		"The directory has no secret_ref for this connection. Send it again (directory.connection.v1) with one, for example \"connection/<id>\".")
	errTokenEmpty = domain.NewError(domain.CodeInvalid, "access_token: is empty; an empty token never replaces a stored one.")
	errTokenText  = domain.NewError(domain.CodeInvalid, "access_token, refresh_token: a token is 1 to %d visible ASCII "+
		"characters without spaces. Hand it over exactly as the platform gave it.", longestToken)
	errTokenPast = domain.NewError(domain.CodeInvalid, "expires_at: is in the past, and nothing is given that could renew "+
		"the token. Sign in again and hand over what that gives.")
	errRefreshPast  = domain.NewError(domain.CodeInvalid, "refresh_expires_at: is in the past. Sign in again and hand over what that gives.")
	errRefreshAlone = domain.NewError(domain.CodeInvalid, "refresh_expires_at: says when refresh_token ends, which is not given.")
)

// HandOver checks and stores the tokens in the place of what is stored, and changes nothing when it returns
// an error.
func (h HandOverTokens) HandOver(ctx context.Context, connection int64, given NewTokens) (HandedOver, error) {
	now := h.Now()
	place, err := h.Places.TokenPlace(ctx, connection)
	if err != nil {
		return HandedOver{}, err
	}
	done := HandedOver{
		Connection: connection, Platform: place.Platform, Awaited: place.AwaitsSignIn(), Replaced: place.StoredAt != nil,
		ExpiresAt: givenTime(given.ExpiresAt), RefreshExpiresAt: givenTime(given.RefreshExpiresAt),
	}
	if place.SecretRef == "" {
		return HandedOver{}, ErrNoSecretRef
	}
	stored := commands.StoredTokens{
		AccessToken: given.AccessToken, RefreshToken: given.RefreshToken, ExpiresAt: given.ExpiresAt, RefreshExpiresAt: given.RefreshExpiresAt,
	}
	if stored.InstagramLogin, err = h.instagramLogin(ctx, place, given); err != nil {
		return HandedOver{}, err
	}
	done.Renewable = renewable(place.Platform, stored)
	if err := given.check(now, done.Renewable && given.RefreshToken != ""); err != nil {
		return HandedOver{}, err
	}
	sealed, err := commands.EncodeTokens(stored)
	if err != nil {
		return HandedOver{}, err
	}
	if err := h.Secrets.Put(ctx, place.SecretRef, sealed, stored.Times(place.Taken(now))); err != nil {
		return HandedOver{}, fmt.Errorf("store the tokens of connection %d: %w", connection, err)
	}
	return done, nil
}

// instagramLogin is what is given or else what the stored tokens say: they open only with their key, and
// without it the new ones could not be used either.
func (h HandOverTokens) instagramLogin(ctx context.Context, place domain.TokenPlace, given NewTokens) (bool, error) {
	if given.InstagramLogin != nil {
		if *given.InstagramLogin && place.Platform != domain.Instagram {
			return false, domain.NewError(domain.CodeInvalid, "instagram_login: is for connections of Instagram; this one is of %s.", place.Platform)
		}
		return *given.InstagramLogin, nil
	}
	if place.Platform != domain.Instagram {
		return false, nil
	}
	raw, err := h.Secrets.Get(ctx, place.SecretRef)
	switch {
	case domain.CodeOf(err) == domain.CodeNotFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("instagram_login is not given, and the stored tokens do not say: %w", err)
	}
	var present commands.StoredTokens
	_ = json.Unmarshal(raw, &present) // what is no token of ours says nothing
	return present.InstagramLogin, nil
}

// check refuses what no platform gives or what cannot work.
func (t NewTokens) check(now time.Time, renewable bool) error {
	var wrong []error
	switch {
	case t.AccessToken == "":
		wrong = append(wrong, errTokenEmpty)
	case !plainToken(t.AccessToken) || !plainToken(t.RefreshToken):
		wrong = append(wrong, errTokenText)
	}
	if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now) && !renewable {
		wrong = append(wrong, errTokenPast)
	}
	if !t.RefreshExpiresAt.IsZero() {
		if t.RefreshToken == "" {
			wrong = append(wrong, errRefreshAlone)
		} else if !t.RefreshExpiresAt.After(now) {
			wrong = append(wrong, errRefreshPast)
		}
	}
	return errors.Join(wrong...)
}

// plainToken: what is not could not be sent in a header.
func plainToken(token string) bool {
	if len(token) > longestToken {
		return false
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}

// renewable tells whether the fetchers can renew such tokens without a person.
func renewable(p domain.Platform, t commands.StoredTokens) bool {
	switch p {
	case domain.TikTok, domain.LinkedIn:
		return t.RefreshToken != ""
	case domain.Instagram:
		return t.InstagramLogin
	default:
		return false // a page's token does not end, until it is refused
	}
}

func givenTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
