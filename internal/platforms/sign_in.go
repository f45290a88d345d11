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

// SignIn is the OAuth 2.0 dialog of one platform for one of our apps: authorisation code, no PKCE. Errors are [Error]s, as
// those of [Client] are.
type SignIn interface {
	// Address is the page of the platform where the person consents; state is what the call-back brings back.
	Address(state, redirectURI string) string
	// Redeem exchanges the call-back's code, once, and asks whose it is, what was granted and what there is to choose.
	// redirectURI must be the one that Address was called with. A code that is spent, expired or another app's is an
	// Error of class ClassReconnect.
	Redeem(ctx context.Context, code, redirectURI string) (Consent, error)
	// GiveBack takes the person's consent back at the platform; on Facebook, Instagram and TikTok that is the whole
	// app's. Instagram login has no such call: it returns nil and does nothing.
	GiveBack(ctx context.Context, tokens Tokens) error
}

// SignIn returns the dialog of a platform: Facebook's pages with the Instagram accounts behind them, Instagram login,
// LinkedIn or TikTok. The error of an app without a client id or secret names the settings; that of a platform without
// a dialog wraps [ErrNoHandler].
func (s *Set) SignIn(p domain.Platform) (SignIn, error) {
	dialog, ok := s.dialogs[p]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	if dialog.missing != "" {
		return nil, fmt.Errorf("nobody can sign in at %s: set %s to those of your app there", p, dialog.missing)
	}
	return dialog.signIn, nil
}

// dialog is the way to sign in at a platform, or the settings that are missing for it.
type dialog struct {
	signIn  holder
	missing string
}

// holder is a dialog that also asks what a token gives that somebody else's dialog brought.
type holder interface {
	SignIn
	holds(ctx context.Context, t Target) (Consent, error)
}

func newDialog(p domain.Platform, s holder, e Endpoint) dialog {
	var missing []string
	if e.ClientID == "" {
		missing = append(missing, p.Facts().IDSetting)
	}
	if e.ClientSecret == "" {
		missing = append(missing, p.Facts().SecretSetting)
	}
	return dialog{signIn: s, missing: strings.Join(missing, " and ")}
}

// address is a dialog's page: what all platforms are told, and what each is told besides.
func (e Endpoint) address(path, state, redirectURI string, more url.Values) string {
	q := url.Values{"response_type": {"code"}, e.idField: {e.ClientID}, "redirect_uri": {redirectURI}, "state": {state}}
	maps.Copy(q, more)
	return e.dialogURL + path + "?" + q.Encode()
}

// The calls of a sign-in.
const (
	opCode       = "sign_in_code"     // the code is exchanged
	opLonger     = "sign_in_longer"   // a short-lived token is exchanged
	opWho        = "sign_in_who"      // whose the token is
	opGranted    = "sign_in_granted"  // what was granted
	opUntil      = "sign_in_until"    // until when the token is good
	opOffered    = "sign_in_offered"  // what there is to choose
	opGiveBack   = "sign_in_giveback" // the consent is taken back
	maxListPages = 200                // of what there is to choose; a list that goes on is one that does not end
)

// endless is what is wrong with a list of more than [maxListPages].
const endless = "the list of what there is to choose does not end"

// known refuses an answer that does not say whose it is.
func (c *httpClient) known(id string) error {
	if !plainID(id, "_-") {
		return untold(c.platform, opWho, "the answer does not say who signed in")
	}
	return nil
}

// scopeList is scopes as platforms write them: parted by commas, by spaces, or as a list. nil: none were named.
type scopeList []string

func (s *scopeList) UnmarshalJSON(raw []byte) error {
	var joined text
	var names list[text]
	_ = joined.UnmarshalJSON(raw)
	_ = names.UnmarshalJSON(raw)
	*s = nil
	for _, name := range append(names, joined) {
		*s = append(*s, strings.FieldsFunc(string(name), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })...)
	}
	slices.Sort(*s)
	*s = slices.Compact(*s)
	return nil
}

// declined is what was asked for and is not among what the platform says was granted; nothing where it names no scope at
// all: then it did not tell.
func declined(asked, granted []string) []string {
	if len(granted) == 0 {
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(asked), func(scope string) bool { return slices.Contains(granted, scope) })
	slices.Sort(out)
	return slices.Compact(out)
}

// Consent is what one person gave one of our apps. It prints without tokens.
type Consent struct {
	PersonID string // the platform's id of the person
	Name     string // as the platform shows it; may be empty
	Tokens   Tokens // the person's; of Facebook the long-lived one
	// Granted and Declined are the scopes as read from the platform, never assumed; sorted.
	Granted, Declined []string
	// DataAccessUntil is when Meta stops giving data unless the person signs in again; zero: not said.
	DataAccessUntil time.Time
	Offered         []Offered
}

// Format hides the tokens, whatever the verb.
func (c Consent) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s granted %v declined %v %d offered, tokens %s}", c.PersonID, c.Granted, c.Declined, len(c.Offered), c.Tokens)
}

// MarshalText hides the tokens, in JSON and in logs too.
func (c Consent) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// Offered is one account that the person may choose to have read. It prints without its token; the JSON names are of its copy that waits,
// sealed, for a choice.
type Offered struct {
	Platform    domain.Platform    `json:"p_id"`        // Instagram for an account behind a Facebook page
	AccountType domain.AccountType `json:"a_type"`      // LinkedIn only
	ExternalID  string             `json:"external_id"` // what [Target.ExternalID] wants
	Name        string             `json:"name"`
	Username    string             `json:"username"`    // without @; may be empty
	PictureURL  string             `json:"picture_url"` // may be empty
	// BehindPage is the id of the Facebook page whose token reads this Instagram account; empty otherwise.
	BehindPage string `json:"behind_page"`
	// AccessToken is the page's own token (Facebook, and Instagram behind a page); empty: the person's reads it.
	AccessToken string `json:"access_token"`
	// MayRead is false where the person's tasks on the page do not suffice; Missing says which one is wanted.
	MayRead bool   `json:"may_read"`
	Missing string `json:"missing"`
}

// Format hides the token, whatever the verb.
func (o Offered) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %s type %d %q token %s}", o.Platform, o.ExternalID, int(o.AccountType), o.Name, mask(o.AccessToken))
}

// MarshalText hides the token, in JSON and in logs too.
func (o Offered) MarshalText() ([]byte, error) { return fmt.Append(nil, o), nil }
