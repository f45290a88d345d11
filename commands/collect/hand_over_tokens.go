package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// HandOverTokens stores the tokens of a sign-in that was made elsewhere. It is the way out of the state reconnect: the fetchers
// read a connection again whose token was stored after that state.
type HandOverTokens struct {
	Places  commands.TokenPlaces
	Secrets handedOverStore
	Pages   connectionPages
	// Holds asks a platform whose a token is and what it reads, before anything is stored.
	Holds func(ctx context.Context, p domain.Platform, t platforms.Target) (platforms.Consent, error)
	Now   func() time.Time
	// Look has the fetchers look at once for what is due.
	Look func(ctx context.Context, queue domain.FetchQueue) error
}

// handedOverStore is where tokens are sealed, and renewals of the same ones are waited for.
type handedOverStore interface {
	commands.TokenStore
	// Lease is that of [secretStore].
	Lease(ctx context.Context, ref string) (held context.Context, release func(), err error)
}

// NewTokens are the tokens of a sign-in, as the platform gave them to whoever asked the person.
type NewTokens struct {
	AccessToken      string
	RefreshToken     string    // "": the platform gave none
	ExpiresAt        time.Time // zero: never, or not known
	RefreshExpiresAt time.Time // zero: never, or not known
	// OwnLogin is [commands.StoredTokens.OwnLogin]; nil: as the stored ones.
	OwnLogin *bool
}

// ReadTokens reads the members of a JSON object. What is wrong quotes no value, and no name that is not known: a token may stand in any place.
func ReadTokens(members map[string]json.RawMessage) (t NewTokens, wrong []domain.FieldError) {
	into := map[string]any{
		"access_token": &t.AccessToken, "refresh_token": &t.RefreshToken, "expires_at": &t.ExpiresAt,
		"refresh_expires_at": &t.RefreshExpiresAt, "instagram_login": &t.OwnLogin,
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, known := into[name]
		switch {
		case !known:
			wrong = append(wrong, domain.FieldError{Field: "body", Detail: "has a field that is not known; use access_token, refresh_token, expires_at, " +
				"refresh_expires_at, instagram_login (a lifetime like expires_in must be made a time)"})
		case json.Unmarshal(members[name], field) != nil:
			wrong = append(wrong, domain.FieldError{Field: name, Detail: "cannot be read: tokens are text, times are RFC 3339 like " +
				"2026-11-20T14:00:00Z, instagram_login is true or false"})
		}
	}
	return t, wrong
}

// HandedOver says what was stored and what to expect. No token is in it.
type HandedOver struct {
	Connection int64           `json:"connection_id"` // whose tokens they are
	Platform   domain.Platform `json:"p_id"`
	// Replaced tells whether there were tokens before.
	Replaced bool `json:"replaced"`
	// Unchanged tells that these were handed over before: what is stored stays, which may have been renewed since.
	Unchanged bool `json:"unchanged"`
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
	// errNoSecretRef (conflict): there is no place for the connection's tokens.
	errNoSecretRef = domain.NewError(domain.CodeConflict,
		"The directory has no secret_ref for this connection. Send it again (directory.connection.v1) with one, for example \"connection/<id>\".")
	// errSignedInHere (conflict): the tokens are of a sign-in here, and other connections may share them.
	errSignedInHere = domain.NewError(domain.CodeConflict,
		"This connection was made by a sign-in here, which has its tokens. Sign in here again, or disconnect it and register it anew.")
	errTokenEmpty = domain.NewError(domain.CodeInvalid, "access_token: is empty; an empty token never replaces a stored one.")
	errTokenText  = domain.NewError(domain.CodeInvalid, "access_token, refresh_token: a token is 1 to %d visible ASCII "+
		"characters without spaces. Hand it over exactly as the platform gave it.", longestToken)
	errTokenPast = domain.NewError(domain.CodeInvalid, "expires_at: is in the past, and nothing is given that could renew "+
		"the token. Sign in again and hand over what that gives.")
	errRefreshPast  = domain.NewError(domain.CodeInvalid, "refresh_expires_at: is in the past. Sign in again and hand over what that gives.")
	errRefreshAlone = domain.NewError(domain.CodeInvalid, "refresh_expires_at: says when refresh_token ends, which is not given.")
	errPlaceMoved   = domain.NewError(domain.CodeUnavailable,
		"The directory has a new secret_ref for this connection since the request came. Nothing was stored. Send the same request again.")
)

// HandOver checks and stores the tokens in the place of what is stored, and changes nothing when it returns
// an error. To repeat it is harmless, also when what was handed over has been renewed since.
func (h HandOverTokens) HandOver(ctx context.Context, connection int64, given NewTokens) (HandedOver, error) {
	before, err := h.place(ctx, connection)
	if err != nil {
		return HandedOver{}, err
	}
	if err := given.check(h.Now(), before.Platform); err != nil {
		return HandedOver{}, err
	}
	// A renewal that is under way comes to its end before: what it brings may be of these, and it may find that the connection waits for them.
	held, release, err := h.Secrets.Lease(ctx, before.SecretRef)
	if err != nil {
		return HandedOver{}, fmt.Errorf("wait for the renewal of the tokens of connection %d: %w", connection, err)
	}
	defer release()
	place, err := h.place(held, connection)
	switch {
	case err != nil:
		return HandedOver{}, err
	case place.SecretRef != before.SecretRef || place.Platform != before.Platform:
		return HandedOver{}, errPlaceMoved
	}
	done := HandedOver{
		Connection: connection, Platform: place.Platform, Awaited: place.AwaitsSignIn(), Replaced: place.StoredAt != nil,
		ExpiresAt: givenTime(given.ExpiresAt), RefreshExpiresAt: givenTime(given.RefreshExpiresAt),
	}
	stored := commands.StoredTokens{
		AccessToken: given.AccessToken, RefreshToken: given.RefreshToken, ExpiresAt: given.ExpiresAt, RefreshExpiresAt: given.RefreshExpiresAt,
		HandedOver: given.digest(),
	}
	present, unread, err := h.present(held, place)
	if err != nil {
		return HandedOver{}, err
	}
	if stored.OwnLogin, err = given.ownLogin(place, present, unread); err != nil {
		return HandedOver{}, err
	}
	done.Renewable = renewable(place.Platform, stored)
	same := unread == nil && present.HandedOver == stored.HandedOver && present.OwnLogin == stored.OwnLogin
	again := same && !done.Awaited
	// Of tokens that were renewed since the platform may take the old ones no more.
	renewed := again && present.AccessToken != stored.AccessToken
	if !renewed {
		if err := h.fit(ctx, place, &stored); err != nil {
			return HandedOver{}, err
		}
	}
	if renewed || again && maps.Equal(present.Pages, stored.Pages) {
		done.Unchanged, done.ExpiresAt, done.RefreshExpiresAt = true, givenTime(present.ExpiresAt), givenTime(present.RefreshExpiresAt)
		return done, nil
	}
	return done, h.store(held, place, stored)
}

// place is where the tokens belong, if they are to be handed over.
func (h HandOverTokens) place(ctx context.Context, connection int64) (place domain.TokenPlace, err error) {
	place, err = h.Places.TokenPlace(ctx, connection)
	switch {
	case err != nil:
		return place, err
	case place.SecretRef == "":
		return place, errNoSecretRef
	case !place.HandedOver():
		return place, errSignedInHere
	default:
		return place, nil
	}
}

// store puts the tokens in the place of what is stored, and has the fetchers look.
func (h HandOverTokens) store(ctx context.Context, place domain.TokenPlace, stored commands.StoredTokens) error {
	sealed, err := commands.EncodeTokens(stored)
	if err != nil {
		return err
	}
	if err := h.Secrets.Put(ctx, place.SecretRef, sealed, stored.Times(place.Taken(h.Now()))); err != nil {
		return fmt.Errorf("store the tokens of connection %d: %w", place.ConnectionID, err)
	}
	_ = h.Look(ctx, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: place.Platform}) // else they are found at the next look
	return nil
}

// present is what is stored. Unread says why nothing could be read: there is nothing, or it does not open with our keys, and is replaced. What is no
// token of ours reads as empty.
func (h HandOverTokens) present(ctx context.Context, place domain.TokenPlace) (present commands.StoredTokens, unread, err error) {
	raw, err := h.Secrets.Get(ctx, place.SecretRef)
	switch domain.CodeOf(err) {
	case "", domain.CodeNotFound, domain.CodeInternal:
		_ = json.Unmarshal(raw, &present)
		return present, err, nil
	default:
		return present, nil, err
	}
}

// digest tells what was handed over from what it was renewed to.
func (t NewTokens) digest() string {
	sum := sha256.Sum256([]byte(t.AccessToken + "\x00" + t.RefreshToken))
	return hex.EncodeToString(sum[:16])
}

// ownLogin is what is given or else what the stored tokens say: they open only with their key, and
// without it the new ones could not be used either.
func (t NewTokens) ownLogin(place domain.TokenPlace, present commands.StoredTokens, unread error) (bool, error) {
	switch {
	case t.OwnLogin != nil:
		return *t.OwnLogin, nil
	case unread != nil && place.Platform.Facts().LoginBy != 0 && domain.CodeOf(unread) != domain.CodeNotFound:
		return false, fmt.Errorf("instagram_login is not given, and the stored tokens do not say: %w", unread)
	default:
		return place.Platform.Facts().LoginBy != 0 && present.OwnLogin, nil
	}
}

// check refuses what no platform gives or what cannot work, whatever is stored.
func (t NewTokens) check(now time.Time, p domain.Platform) error {
	var wrong []error
	if t.OwnLogin != nil && *t.OwnLogin && p.Facts().LoginBy == 0 {
		wrong = append(wrong, domain.NewError(domain.CodeInvalid, "instagram_login: is for connections of Instagram; this one is of %s.", p))
	}
	switch {
	case t.AccessToken == "":
		wrong = append(wrong, errTokenEmpty)
	case !plainToken(t.AccessToken) || !plainToken(t.RefreshToken):
		wrong = append(wrong, errTokenText)
	}
	// A token that renews itself does not when it has ended.
	if over := !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now); over && (t.RefreshToken == "" || !p.Facts().RefreshTokens) {
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
	return len(token) <= longestToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// renewable tells whether the fetchers can renew such tokens without a person.
func renewable(p domain.Platform, t commands.StoredTokens) bool {
	if p.Facts().RefreshTokens {
		return t.RefreshToken != ""
	}
	return p.Facts().LoginBy != 0 && t.OwnLogin // others' tokens do not end, until they are refused
}

func givenTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
