package collect

import (
	"cmp"
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

// HandOverTokens stores the tokens of a sign-in that a main application handled. It ends the state
// reconnect: fetchers read a connection again if its token was stored after that state began.
type HandOverTokens struct {
	Places  commands.TokenPlaces
	Secrets handedOverStore
	Pages   connectionPages
	// Consent asks a platform for the owner and the permissions of a token. It is called before
	// anything is stored.
	Consent func(ctx context.Context, p domain.Platform, t platforms.Target) (platforms.Consent, error)
	Now     func() time.Time
	// WakeFetchers makes the fetchers check immediately for due accounts.
	WakeFetchers func(ctx context.Context, queue domain.FetchQueue) error
}

type handedOverStore interface {
	commands.TokenStore
	Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error
}

// NewTokens are the tokens of a sign-in, as returned by the platform.
type NewTokens struct {
	AccessToken      string
	RefreshToken     string    // "" if the platform returned none
	ExpiresAt        time.Time // zero if never or unknown
	RefreshExpiresAt time.Time // zero if never or unknown
	// OwnLogin is [commands.StoredTokens.OwnLogin]; nil keeps the value of the stored tokens.
	OwnLogin *bool
}

// ReadTokens decodes the members of a JSON object. Its errors do not quote values or unknown names,
// because they may be tokens.
func ReadTokens(members map[string]json.RawMessage) (t NewTokens, wrong []domain.FieldError) {
	into := map[string]any{
		"access_token": &t.AccessToken, "refresh_token": &t.RefreshToken, "expires_at": &t.ExpiresAt,
		"refresh_expires_at": &t.RefreshExpiresAt, "instagram_login": &t.OwnLogin,
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, known := into[name]
		switch {
		case !known:
			wrong = append(wrong, domain.FieldError{
				Field: "body",
				Detail: "has an unknown field; use access_token, refresh_token, expires_at, refresh_expires_at, " +
					"instagram_login (convert a lifetime such as expires_in to a time)",
			})
		case json.Unmarshal(members[name], field) != nil:
			wrong = append(wrong, domain.FieldError{
				Field: name,
				Detail: "cannot be read: tokens are text, times are RFC 3339 like 2026-11-20T14:00:00Z, " +
					"instagram_login is true or false",
			})
		}
	}
	return t, wrong
}

// HandedOver says what was stored and what to expect. It contains no tokens.
type HandedOver struct {
	Connection int64           `json:"connection_id"` // the connection to which the tokens belong
	Platform   domain.Platform `json:"p_id"`
	// Replaced is true if tokens were already stored.
	Replaced bool `json:"replaced"`
	// Unchanged is true if the same tokens were sent before. The stored tokens, which may have been
	// renewed in the meantime, are kept.
	Unchanged bool `json:"unchanged"`
	// Awaited is true if the connection was waiting for this sign-in.
	Awaited   bool       `json:"awaited"`
	ExpiresAt *time.Time `json:"expires_at"` // when the access token expires; null if never or unknown
	// RefreshExpiresAt is when the tokens can no longer be renewed and a person must sign in again;
	// null if never or unknown.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at"`
	// Renewable is true if the access token can be renewed without a new sign-in.
	Renewable bool `json:"renewable"`
}

// longestToken, in bytes, is far above any platform's.
const longestToken = 16 << 10

// Errors of [HandOverTokens].
var (
	// errNoSecretRef (conflict): the tokens of the connection cannot be stored.
	errNoSecretRef = domain.NewError(domain.CodeConflict,
		"The directory has no secret_ref for this connection. Send the connection again (directory.connection.v1) "+
			"with a secret_ref, for example \"connection/<id>\".")
	// errSignedInHere (conflict): the tokens come from a sign-in in ledgerboard, and other
	// connections may share them.
	errSignedInHere = domain.NewError(domain.CodeConflict,
		"This connection was made by a sign-in in ledgerboard, which provides its tokens. "+
			"Sign in again in ledgerboard, or disconnect the page and register it again.")
	errTokenEmpty = domain.NewError(domain.CodeInvalid,
		"access_token is empty. An empty token never replaces a stored one.")
	errTokenText = domain.NewError(domain.CodeInvalid,
		"access_token, refresh_token: a token is 1 to %d visible ASCII characters without spaces. "+
			"Send it exactly as the platform returned it.", longestToken)
	errTokenPast = domain.NewError(domain.CodeInvalid,
		"expires_at is in the past, and the request has no refresh token that could renew the token. "+
			"Sign in again and send the new tokens.")
	errRefreshPast = domain.NewError(domain.CodeInvalid,
		"refresh_expires_at is in the past. Sign in again and send the new tokens.")
	errRefreshAlone = domain.NewError(domain.CodeInvalid, "refresh_expires_at requires refresh_token.")
	errPlaceMoved   = domain.NewError(domain.CodeUnavailable,
		"The secret_ref of this connection changed during the request. Nothing was stored. "+
			"Send the same request again.")
	errReplaced = domain.NewError(domain.CodeUnavailable,
		"Other tokens of this connection were stored during the request. Nothing was stored. "+
			"Send the same request again.")
)

// HandOver checks the tokens and replaces the stored ones. Repeating it is safe, even if the tokens
// have been renewed since.
func (h HandOverTokens) HandOver(ctx context.Context, connection int64, given NewTokens) (HandedOver, error) {
	before, err := h.place(ctx, connection)
	if err != nil {
		return HandedOver{}, err
	}
	if err := given.check(h.Now(), before.Platform); err != nil {
		return HandedOver{}, err
	}
	for tries := 1; ; tries++ {
		done, err := h.handOver(ctx, before, given)
		if !errors.Is(err, errReplaced) || tries == handOverTries {
			return done, err
		}
	}
}

// handOverTries limits how often tokens are compared with the stored ones, which another process may
// replace each time.
const handOverTries = 3

func (h HandOverTokens) handOver(ctx context.Context, before domain.TokenPlace, given NewTokens) (HandedOver, error) {
	present, raw, unread, err := commands.PresentTokens(ctx, h.Secrets, before.SecretRef)
	if err != nil {
		return HandedOver{}, err
	}
	place, err := h.place(ctx, before.ConnectionID)
	switch {
	case err != nil:
		return HandedOver{}, err
	case place.SecretRef != before.SecretRef || place.Platform != before.Platform:
		return HandedOver{}, errPlaceMoved
	}
	done := HandedOver{
		Connection: place.ConnectionID, Platform: place.Platform,
		Awaited: place.PageAwaitsSignIn(), Replaced: place.StoredAt != nil,
		ExpiresAt: givenTime(given.ExpiresAt), RefreshExpiresAt: givenTime(given.RefreshExpiresAt),
	}
	stored := commands.StoredTokens{
		AccessToken: given.AccessToken, RefreshToken: given.RefreshToken,
		ExpiresAt: given.ExpiresAt, RefreshExpiresAt: given.RefreshExpiresAt, HandedOver: given.digest(),
	}
	if stored.OwnLogin, err = given.ownLogin(place, present, unread); err != nil {
		return HandedOver{}, err
	}
	done.Renewable = renewable(place.Platform, stored)
	same := unread == nil && present.HandedOver == stored.HandedOver && present.OwnLogin == stored.OwnLogin
	repeated := same && !done.Awaited
	// After a renewal, the platform may no longer accept the old tokens, so do not check them.
	renewed := repeated && present.AccessToken != stored.AccessToken
	if !renewed {
		if err := h.fit(ctx, place, &stored); err != nil {
			return HandedOver{}, err
		}
	}
	if renewed || repeated && maps.Equal(present.Pages, stored.Pages) {
		done.Unchanged = true
		done.ExpiresAt, done.RefreshExpiresAt = givenTime(present.ExpiresAt), givenTime(present.RefreshExpiresAt)
		return done, nil
	}
	return done, h.store(ctx, place, raw, unread, stored)
}

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

// store replaces the secret raw. It waits while a process renews that: the renewed token may be that
// of the same sign-in.
func (h HandOverTokens) store(
	ctx context.Context, place domain.TokenPlace, raw []byte, unread error, stored commands.StoredTokens,
) error {
	sealed, err := commands.EncodeTokens(stored)
	if err != nil {
		return err
	}
	times := stored.Times(place.Taken(h.Now()))
	for {
		if unread != nil && domain.CodeOf(unread) != domain.CodeNotFound {
			err = h.Secrets.Put(ctx, place.SecretRef, sealed, times) // what is stored cannot be compared
		} else {
			err = h.Secrets.PutOver(ctx, place.SecretRef, raw, sealed, times)
		}
		if !errors.Is(err, domain.ErrSecretRenewing) {
			break
		}
		if err := pause(ctx, lookForEnd); err != nil {
			return fmt.Errorf("wait for the renewal of the tokens of connection %d: %w", place.ConnectionID, err)
		}
	}
	switch {
	case domain.CodeOf(err) == domain.CodeConflict:
		return errReplaced
	case err != nil:
		return fmt.Errorf("store the tokens of connection %d: %w", place.ConnectionID, err)
	}
	// Without a wake-up, the next round finds the tokens.
	_ = h.WakeFetchers(ctx, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: place.Platform})
	return nil
}

// digest identifies the tokens as sent by the main application, as opposed to renewed ones.
func (n NewTokens) digest() string {
	sum := sha256.Sum256([]byte(n.AccessToken + "\x00" + n.RefreshToken))
	return hex.EncodeToString(sum[:16])
}

// ownLogin returns the given value, or else the value of the stored tokens. It fails if the value
// is needed and the stored tokens cannot be opened.
func (n NewTokens) ownLogin(place domain.TokenPlace, present commands.StoredTokens, unread error) (bool, error) {
	switch {
	case n.OwnLogin != nil:
		return *n.OwnLogin, nil
	case unread != nil && place.Platform.Facts().LoginBy != 0 && domain.CodeOf(unread) != domain.CodeNotFound:
		return false, fmt.Errorf("instagram_login is missing, and the stored tokens cannot be read: %w", unread)
	default:
		return place.Platform.Facts().LoginBy != 0 && present.OwnLogin, nil
	}
}

// check refuses tokens that are malformed or cannot work, whatever is stored.
func (n NewTokens) check(now time.Time, p domain.Platform) error {
	var wrong []error
	if n.OwnLogin != nil && *n.OwnLogin && p.Facts().LoginBy == 0 {
		wrong = append(wrong, domain.NewError(domain.CodeInvalid,
			"instagram_login applies only to Instagram connections. This is a %s connection.", p))
	}
	switch {
	case n.AccessToken == "":
		wrong = append(wrong, errTokenEmpty)
	case !plainToken(n.AccessToken) || !plainToken(n.RefreshToken):
		wrong = append(wrong, errTokenText)
	}
	// A token that renews itself cannot do so after it has expired.
	expired := !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now)
	if expired && (n.RefreshToken == "" || !p.Facts().RefreshTokens) {
		wrong = append(wrong, errTokenPast)
	}
	if !n.RefreshExpiresAt.IsZero() {
		if n.RefreshToken == "" {
			wrong = append(wrong, errRefreshAlone)
		} else if !n.RefreshExpiresAt.After(now) {
			wrong = append(wrong, errRefreshPast)
		}
	}
	return errors.Join(wrong...)
}

func plainToken(token string) bool {
	return len(token) <= longestToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// renewable reports whether the fetchers can renew the tokens without a person.
func renewable(p domain.Platform, t commands.StoredTokens) bool {
	if p.Facts().RefreshTokens {
		return t.RefreshToken != ""
	}
	return p.Facts().LoginBy != 0 && t.OwnLogin // other tokens are used until the platform refuses them
}

func givenTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

type connectionPages interface {
	PagesOf(ctx context.Context, connections []int64) ([]domain.ConnectedPage, error)
}

// Errors of [HandOverTokens.fit]. Nothing is stored in these cases.
var (
	errReadsNothing = domain.NewError(domain.CodeConflict,
		"This connection reads no accounts, so the tokens cannot be verified. First send its social accounts "+
			"(directory.social_account.v1, or POST /api/platforms), and wait until the tables show them.")
	errTokenRefused = domain.NewError(domain.CodeUnprocessable,
		"The platform refused access_token. It has expired, was revoked, or belongs to another app. Nothing was "+
			"stored. Sign in again and send the new tokens.").WithField("access_token", "was refused by the platform")
	errAppRefused = domain.NewError(domain.CodeUnprocessable,
		"The platform does not answer the app of this service, so the owner of the tokens could not be verified. Nothing "+
			"was stored. Sending the same request again does not help until the operator of this service has corrected "+
			"its app at the platform.")
	errNotAsked = domain.NewError(domain.CodeUnavailable,
		"The owner of the tokens could not be verified with the platform. Nothing was stored. Send the same request "+
			"again in a few minutes. If the error persists, contact the operator of this service.")
)

const mostOffered = 20 // ids in the text of an error

// fit checks that the tokens can read every account of the connection, and adds to them what the
// platform reports. If pages have their own tokens, they are obtained with the person's token.
func (h HandOverTokens) fit(ctx context.Context, place domain.TokenPlace, stored *commands.StoredTokens) error {
	pages, err := h.Pages.PagesOf(ctx, []int64{place.ConnectionID})
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return errReadsNothing
	}
	token := platforms.Target{AccessToken: stored.AccessToken, OwnLogin: stored.OwnLogin}
	holds, err := h.Consent(ctx, place.Platform, token)
	switch platforms.KindOf(err) {
	case "":
		if err != nil {
			return err
		}
	case domain.StatusRefused, domain.StatusPermission, domain.StatusNotFound:
		return fmt.Errorf("%w (%w)", errTokenRefused, err)
	case domain.StatusInvalid, domain.StatusBlocked:
		return fmt.Errorf("%w (%w)", errAppRefused, err)
	default:
		return fmt.Errorf("%w (%w)", errNotAsked, err)
	}
	var wrong, offered []string
	for _, o := range holds.Offered {
		if o.MayRead && len(offered) < mostOffered {
			offered = append(offered, o.ExternalID)
		}
	}
	pageTokens := map[string]string{}
	for _, page := range pages {
		at := slices.IndexFunc(holds.Offered, func(o platforms.Offered) bool {
			return o.Platform == page.Platform && o.AccountType == page.AccountType &&
				o.ExternalID == page.Platform.PlainID(page.ExternalID)
		})
		switch {
		case at < 0 && platforms.KindOf(holds.Incomplete).Temporary():
			return fmt.Errorf("%w (%w)", errNotAsked, holds.Incomplete)
		case at < 0:
			wrong = append(wrong, page.ExternalID)
		case !holds.Offered[at].MayRead:
			wrong = append(wrong, page.ExternalID+" (missing: "+holds.Offered[at].Missing+")")
		default:
			if own := holds.Offered[at].AccessToken; own != "" && own != stored.AccessToken {
				pageTokens[page.ExternalID] = own
			}
		}
	}
	if len(wrong) > 0 {
		unread, readable := strings.Join(wrong, ", "), cmp.Or(strings.Join(offered, ", "), "no account")
		return domain.NewError(domain.CodeUnprocessable,
			"access_token cannot read %s, which this connection reads on %s. It can read %s. Nothing was stored. If that "+
				"is the same account under another id, register it with that id. Otherwise, send the tokens of a person "+
				"who can read all accounts of the connection, or use a separate connection for these accounts.",
			unread, place.Platform, readable).WithField("access_token", "cannot read "+unread)
	}
	stored.Granted, stored.Pages = holds.Granted, pageTokens
	if len(pages) == 1 {
		stored.VerifiedAs = pages[0].ExternalID
	}
	return nil
}
