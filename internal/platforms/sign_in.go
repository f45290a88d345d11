package platforms

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SignIn is the OAuth 2.0 dialog of one platform for one of our apps: authorization code without
// PKCE. Errors are [Error]s, as for [Client].
type SignIn interface {
	// Address returns the URL of the platform's consent page. The callback returns state unchanged.
	Address(state, redirectURI string) string
	// Redeem exchanges the callback's code, which works once, and reads the person, the granted
	// scopes and the accounts to choose from. redirectURI must be the one passed to Address. For an
	// invalid code, the kind of the error is refused.
	Redeem(ctx context.Context, code, redirectURI string) (Consent, error)
	// RevokeConsent asks the platform to revoke the person's consent. Facebook and TikTok revoke it
	// for the whole app. Instagram login has no such call: RevokeConsent does nothing.
	RevokeConsent(ctx context.Context, tokens Tokens) error
}

// SignIn returns the dialog of a platform: Facebook pages with their Instagram accounts, Instagram
// login, LinkedIn or TikTok. If the client ID or secret is missing, the error names the settings.
// If the platform has no dialog, the error wraps [ErrNoHandler].
func (s *Set) SignIn(p domain.Platform) (SignIn, error) {
	dialog, ok := s.dialogs[p]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	var missing []string
	if dialog.app.ClientID == "" {
		missing = append(missing, p.Facts().IDSetting)
	}
	if dialog.app.key() == "" {
		missing = append(missing, p.Facts().SecretSetting)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("sign-in to %s is not configured: set %s to the values of your app",
			p, strings.Join(missing, " and "))
	}
	return dialog.consentReader, nil
}

type dialog struct {
	consentReader
	app Endpoint
}

type consentReader interface {
	SignIn
	// consent implements [Set.ConsentOf].
	consent(ctx context.Context, t Target) (Consent, error)
}

func (e Endpoint) address(path, state, redirectURI string, more url.Values) string {
	q := url.Values{"response_type": {"code"}, e.idField: {e.ClientID}, "redirect_uri": {redirectURI}, "state": {state}}
	maps.Copy(q, more)
	return e.dialogURL + path + "?" + q.Encode()
}

// Operation names of a sign-in.
const (
	opCode     = "sign_in_code"
	opLonger   = "sign_in_longer" // exchange a short-lived token
	opWho      = "sign_in_who"
	opGranted  = "sign_in_granted"
	opUntil    = "sign_in_until"
	opOffered  = "sign_in_offered" // list the accounts to choose from
	opGiveBack = "sign_in_giveback"
)

// A list of accounts with more than maxListPages pages is treated as endless.
const maxListPages = 200

func (h *httpClient) checkPersonID(id string) error {
	if !plainID(id, "_-") {
		return incompleteAnswer(h.platform, opWho, "the answer does not identify the person")
	}
	return nil
}

// scopeList is a list of scopes in the format of any platform: separated by commas or spaces, or a
// JSON array. It is nil if it is empty.
type scopeList []string

func (s *scopeList) UnmarshalJSON(raw []byte) error {
	var joined text
	var names list[text]
	_ = joined.UnmarshalJSON(raw)
	_ = names.UnmarshalJSON(raw)
	*s = nil
	for _, name := range append(names, joined) {
		separator := func(r rune) bool { return r == ',' || unicode.IsSpace(r) }
		*s = append(*s, strings.FieldsFunc(string(name), separator)...)
	}
	slices.Sort(*s)
	*s = slices.Compact(*s)
	return nil
}

// declinedScopes returns the requested scopes that the platform did not grant, sorted. It returns
// nil if the platform reports no granted scopes, because then none can be known to be declined.
func declinedScopes(requested, granted []string) []string {
	if len(granted) == 0 {
		return nil
	}
	out := exclude(requested, granted)
	slices.Sort(out)
	return slices.Compact(out)
}

// Consent is the authorization that a person gave to one of our apps. The tokens are omitted when a
// Consent is printed, logged or marshaled.
type Consent struct {
	PersonID string // the platform's ID of the person
	Name     string // display name on the platform; may be empty
	Tokens   Tokens // the person's tokens; for Facebook the long-lived one
	// Granted and Declined are the scopes reported by the platform, never assumed; sorted.
	Granted, Declined []string
	// DataAccessUntil is when Meta stops returning data unless the person signs in again; zero: not
	// reported.
	DataAccessUntil time.Time
	Offered         []Offered
	// NotOffered lists what the person has or granted on the platform and cannot choose, with reasons.
	NotOffered []NotOffered
	// Incomplete says why a list of accounts could not be read to its end, if so: an account that is
	// not offered may be the person's nevertheless.
	Incomplete error

	targets   []granularScope // Facebook: the pages and accounts for which scopes were granted
	personErr error           // LinkedIn: why the person is not known yet
}

// NotOffered is a page or profile that cannot be chosen. The JSON names are those of the sealed
// copy.
type NotOffered struct {
	Name   string `json:"name"`   // as the platform names it; if it does not, its ID or URN
	Reason string `json:"reason"` // for people: what is missing, and what to do
}

// endsSignIn reports whether an error of one call of a sign-in ends the whole. A definite refusal
// of a list or a name does not, and neither does a list without a way on: what the platform shows
// is offered, and what is missing is named.
func endsSignIn(err error) bool {
	kind := KindOf(err)
	return err != nil && errorIn(err).Code != codeNoWayOn && (kind.Temporary() || kind == domain.StatusRefused || kind == domain.StatusBlocked || IsCanceled(err))
}

// without returns a definite refusal of a part of a sign-in as an entry of [Consent.NotOffered], and
// logs it. Advice is used if the reason says nothing better. A nil error is an omission.
func (h *httpClient) without(ctx context.Context, name, advice string, err error) NotOffered {
	if err == nil {
		return NotOffered{name, advice}
	}
	h.cfg.Logger.WarnContext(ctx, "the platform refused a part of a sign-in", "platform", h.platform.String(),
		"part", name, "reason", string(StatusCodeOf(err)), "error", err)
	if StatusCodeOf(err) == domain.StatusTwoFactor {
		advice = h.platform.Title() + " requires two-factor authentication. Turn it on for your account there, and start again."
	}
	return NotOffered{name, advice}
}

// Format hides the tokens for every verb.
func (c Consent) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s granted %v declined %v %d offered, tokens %s}",
		c.PersonID, c.Granted, c.Declined, len(c.Offered), c.Tokens)
}

// MarshalText hides the tokens in JSON and in logs.
func (c Consent) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// Offered is an account that the person can choose to connect. The token is omitted when an Offered
// is printed, logged or marshaled. The JSON names are those of the sealed copy, a type without
// these methods, which is stored until the person chooses.
type Offered struct {
	Platform    domain.Platform    `json:"p_id"`        // Instagram for an account linked to a Facebook page
	AccountType domain.AccountType `json:"a_type"`      // LinkedIn only
	ExternalID  string             `json:"external_id"` // value for [Target.ExternalID]
	Name        string             `json:"name"`
	Username    string             `json:"username"`    // without @; may be empty
	PictureURL  string             `json:"picture_url"` // may be empty
	// AccessToken is the page's own token (Facebook, and Instagram linked to a page). If empty, the
	// person's token reads the account.
	AccessToken string `json:"access_token"`
	// MayRead is false if the account cannot be read, because the person lacks a task on the page
	// or did not grant a scope. Missing names that task or scope.
	MayRead bool   `json:"may_read"`
	Missing string `json:"missing"`
}

// Format hides the token for every verb.
func (o Offered) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %s type %d %q token %s}",
		o.Platform, o.ExternalID, int(o.AccountType), o.Name, mask(o.AccessToken))
}

// MarshalText hides the token in JSON and in logs.
func (o Offered) MarshalText() ([]byte, error) { return fmt.Append(nil, o), nil }
