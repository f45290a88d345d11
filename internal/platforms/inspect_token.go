package platforms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Inspector is a [Client] that can inspect a stored token.
type Inspector interface {
	// Inspects reports whether the token can be inspected. This requires our app's ID and secret.
	// Instagram login and TikTok do not support it.
	Inspects(target Target) bool
	// Inspect inspects the token with one call. An Error of kind refused means that the token is
	// invalid, never that our app was refused.
	Inspect(ctx context.Context, target Target) (TokenFacts, error)
}

// TokenFacts describes a valid token.
type TokenFacts struct {
	Granted         []string  // scopes, sorted; never nil
	ExpiresAt       time.Time // zero: never, or not reported
	DataAccessUntil time.Time // when Meta stops returning data for the token; zero: not reported
}

const opInspect = "token_inspect"

func (i *instagram) Inspects(t Target) bool { return !t.OwnLogin && i.facebookLogin.Inspects(t) }

func (i *instagram) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	return i.facebookLogin.Inspect(ctx, t)
}

func (g *graph) Inspects(Target) bool {
	return g.endpoint.ClientID != "" && g.endpoint.key() != ""
}

type debuggedToken struct {
	AppID      text       `json:"app_id"`
	UserID     text       `json:"user_id"`
	Valid      flag       `json:"is_valid"`
	Expires    count      `json:"expires_at"` // seconds; 0: never
	DataAccess count      `json:"data_access_expires_at"`
	Scopes     list[text] `json:"scopes"`
	// Granular lists the pages and accounts for which a scope was granted. Without an entry, a
	// scope was granted for all.
	Granular list[granularScope] `json:"granular_scopes"`
}

type granularScope struct {
	Scope   text       `json:"scope"`
	Targets list[text] `json:"target_ids"`
}

func (g *graph) debug(ctx context.Context, op, token, account string) (debuggedToken, error) {
	var reply struct {
		Data debuggedToken `json:"data"`
	}
	key := g.endpoint.key()
	app := g.endpoint.ClientID + "|" + key
	query := g.signed(url.Values{"input_token": {token}}, app)
	err := g.do(ctx, call{
		op: op, account: account, url: g.root + "/debug_token?" + query.Encode(), token: app,
		secrets: []string{token, key},
	}, &reply)
	return reply.Data, err
}

func (g *graph) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	if err := g.needToken(opInspect, t.AccessToken); err != nil {
		return TokenFacts{}, err
	}
	token, err := g.debug(ctx, opInspect, t.AccessToken, t.ExternalID)
	if e := errorIn(err); e.Kind() == domain.StatusRefused { // refers to our app's token
		e.Reason, e.Message = domain.StatusInvalid, "our app's ID or secret was refused"
	}
	if err != nil {
		return TokenFacts{}, err
	}
	if !bool(token.Valid) {
		return TokenFacts{}, g.invalidToken(opInspect, "the platform reports that the token is invalid")
	}
	facts := TokenFacts{
		Granted: []string{}, ExpiresAt: unixTime(token.Expires), DataAccessUntil: unixTime(token.DataAccess),
	}
	for _, scope := range token.Scopes {
		if !token.scopeWithheld(string(scope), g.platform, t.ExternalID) {
			facts.Granted = append(facts.Granted, string(scope))
		}
	}
	slices.Sort(facts.Granted)
	return facts, nil
}

// scopeWithheld reports whether a scope was granted only for pages or accounts other than this one.
// The targets of Instagram scopes are Instagram accounts; those of other scopes are pages. Scopes
// for the page of an Instagram account are not checked, because the page is not known here.
func (d debuggedToken) scopeWithheld(scope string, p domain.Platform, id string) bool {
	if (p == domain.Instagram) != strings.HasPrefix(scope, "instagram_") {
		return false
	}
	for _, granular := range d.Granular {
		if string(granular.Scope) == scope && len(granular.Targets) > 0 {
			return !slices.Contains(granular.Targets, text(id))
		}
	}
	return false
}

func (l *linkedIn) Inspects(Target) bool {
	return l.endpoint.ClientID != "" && l.endpoint.key() != ""
}

func (l *linkedIn) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	if err := l.needToken(opInspect, t.AccessToken); err != nil {
		return TokenFacts{}, err
	}
	reply, err := l.introspectToken(ctx, opInspect, t.AccessToken)
	if err != nil {
		return TokenFacts{}, err
	}
	if !bool(reply.Active) {
		return TokenFacts{}, l.invalidToken(opInspect, "the platform reports that the token is invalid")
	}
	return TokenFacts{Granted: append([]string{}, reply.Scope...), ExpiresAt: unixTime(reply.Expires)}, nil
}

// ConsentOf returns the owner of a token and the accounts that the token can read, for a main
// application with its own sign-in. The result does not contain the token itself. A Facebook page's
// token offers only that page and its Instagram account. Granted is nil if the platform did not
// report it. An [Error] of kind refused means that the token is invalid.
func (s *Set) ConsentOf(ctx context.Context, p domain.Platform, t Target) (Consent, error) {
	if p == domain.Instagram && !t.OwnLogin {
		p = domain.Facebook
	}
	dialog, ok := s.dialogs[p]
	if !ok {
		return Consent{}, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	return dialog.consent(ctx, t)
}

func (f facebookSignIn) consent(ctx context.Context, t Target) (c Consent, err error) {
	if err := f.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	if err := f.readPerson(ctx, t, &c); err != nil {
		return c, err
	}
	err = f.readPermissions(ctx, t, &c)
	if errorIn(err).Code == codeWrongRequest { // pages have no such edge
		return c, f.page(ctx, t, &c)
	}
	if err != nil {
		return c, err
	}
	if f.Inspects(t) { // without the granted IDs, only the listed pages are known
		if token, err := f.debug(ctx, opUntil, t.AccessToken, ""); err == nil {
			c.targets = token.Granular
		}
	}
	if err := f.listPages(ctx, t, &c); err != nil {
		return c, err
	}
	return c, f.findGranted(ctx, t, &c)
}

// page offers the page that owns the token, and its Instagram account if our app may read it.
func (f facebookSignIn) page(ctx context.Context, t Target, c *Consent) error {
	var page managedPage
	fields := url.Values{"fields": {"id,instagram_business_account{id,username,name}"}}
	err := f.get(ctx, opOffered, t, "me", fields, &page)
	if kind := KindOf(err); err != nil && kind != domain.StatusInvalid && kind != domain.StatusPermission {
		return err
	}
	c.Offered = managedPage{
		ID: text(c.PersonID), Name: text(c.Name), AccessToken: text(t.AccessToken), Instagram: page.Instagram,
	}.offered(nil)
	return nil
}

func (i instagramSignIn) consent(ctx context.Context, t Target) (c Consent, err error) {
	if err := i.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	c.Tokens.AccessToken = t.AccessToken
	err = i.readPerson(ctx, "", &c)
	c.Tokens = Tokens{}
	return c, err
}

// consent does not read the granted scopes if our app's ID and secret are not configured.
func (l linkedInSignIn) consent(ctx context.Context, t Target) (c Consent, err error) {
	if err := l.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	inspects := l.Inspects(t)
	if inspects {
		err = l.introspect(ctx, t, &c)
	} else {
		c.Granted = []string{scopePages, scopeProfile}
	}
	if err == nil {
		err = l.member(ctx, t, &c)
	}
	if err == nil {
		err = l.listPages(ctx, t, &c)
	}
	if !inspects && KindOf(err) == domain.StatusPermission { // the token belongs to an app without page access
		err = nil
	}
	c.Tokens = Tokens{}
	if !inspects {
		c.Granted = nil
	}
	return c, err
}

func (t tikTokSignIn) consent(ctx context.Context, target Target) (Consent, error) {
	user, err := t.user(ctx, target, "open_id,display_name")
	c := Consent{PersonID: string(user.OpenID), Name: string(user.Name)}
	if err == nil {
		err = t.checkPersonID(c.PersonID)
	}
	c.Offered = []Offered{{Platform: t.platform, ExternalID: c.PersonID, Name: c.Name, MayRead: true}}
	return c, err
}

// SignedRequest is a callback from Meta about a person who authorized one of our apps.
type SignedRequest struct {
	Platform domain.Platform // the app: [domain.Facebook], or [domain.Instagram] for Instagram login
	Person   string          // [Consent.PersonID]
	IssuedAt time.Time       // second precision
	// Code identifies the request: if Meta sends a request again, the code is the same. Only Meta
	// and this service know it. It does not identify a person.
	Code string
}

const (
	maxSignedRequest = 8 << 10
	// maxClockSkew is how far Meta's clock may be ahead of our clock.
	maxClockSkew = 5 * time.Minute
)

// ErrNotSigned means that a request is not signed by Meta for our app. It has code invalid and does
// not say what was wrong.
var ErrNotSigned = domain.NewError(domain.CodeInvalid,
	"The request is not signed by Meta for this app. Nothing was changed. Check that the configured app secret "+
		"matches the secret in the app's settings on Meta's developer site.")

// ReceivesMetaRequests reports whether an app secret is configured, which is needed to verify
// Meta's callbacks.
func (s *Set) ReceivesMetaRequests() bool {
	return slices.ContainsFunc(s.meta, func(app *graph) bool { return app.endpoint.key() != "" })
}

// Signed verifies a `signed_request`: the base64url of an HMAC-SHA-256 with the app's secret, a
// dot, and the base64url of a JSON object. It returns one element per app with a matching secret:
// several if apps share a secret. Error: [ErrNotSigned].
func (s *Set) Signed(raw string) (signed []SignedRequest, err error) {
	signature, payload, _ := strings.Cut(raw, ".")
	if len(raw) > maxSignedRequest {
		return nil, ErrNotSigned
	}
	given, err := unpadded(signature)
	if err != nil {
		return nil, ErrNotSigned
	}
	for _, app := range s.meta {
		key := app.endpoint.key()
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(payload))
		sum := mac.Sum(nil)
		if key == "" || !hmac.Equal(given, sum) {
			continue
		}
		request, ok := openSigned(payload, s.now())
		if !ok {
			return nil, ErrNotSigned
		}
		const codeBytes = 16
		code := sha256.Sum256(append([]byte("confirmation code\x00"), sum...))
		request.Platform, request.Code = app.platform, hex.EncodeToString(code[:codeBytes])
		signed = append(signed, request)
	}
	if len(signed) == 0 {
		return nil, ErrNotSigned
	}
	return signed, nil
}

func openSigned(payload string, now time.Time) (r SignedRequest, ok bool) {
	raw, err := unpadded(payload)
	if err != nil {
		return r, false
	}
	var body struct {
		Algorithm string `json:"algorithm"`
		Person    text   `json:"user_id"`
		IssuedAt  int64  `json:"issued_at"`
	}
	if json.Unmarshal(raw, &body) != nil || !strings.EqualFold(body.Algorithm, "HMAC-SHA256") ||
		body.IssuedAt <= 0 || !plainID(string(body.Person), "_-") {
		return r, false
	}
	r.Person, r.IssuedAt = string(body.Person), time.Unix(body.IssuedAt, 0).UTC()
	return r, !r.IssuedAt.After(now.Add(maxClockSkew))
}

// unpadded decodes base64url with or without padding.
func unpadded(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}
