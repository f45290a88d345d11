package platforms

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Inspector is a [Client] that can ask what a stored token may do.
type Inspector interface {
	// Inspects tells whether the platform says what such a token may do. Meta and LinkedIn want our app's id and secret for it;
	// Instagram login and TikTok say it with the token alone.
	Inspects(target Target) bool
	// Inspect asks that, with one call. An Error of ClassReconnect says that the token is dead, never that our app was refused.
	Inspect(ctx context.Context, target Target) (TokenFacts, error)
}

// TokenFacts is what a platform says of a living token.
type TokenFacts struct {
	Granted         []string  // scopes, sorted; never nil
	ExpiresAt       time.Time // zero: never, or not said
	DataAccessUntil time.Time // when Meta gives no data with it any more; zero: not said
}

// opInspect is the call of an inspection.
const opInspect = "token_inspect"

// Inspects implements [Inspector].
func (i *instagram) Inspects(t Target) bool { return !t.OwnLogin && i.facebookLogin.Inspects(t) }

// Inspect implements [Inspector].
func (i *instagram) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	return i.facebookLogin.Inspect(ctx, t)
}

// Inspects implements [Inspector]: tokens are asked about in our app's own name.
func (g *graph) Inspects(Target) bool {
	return g.endpoint.ClientID != "" && g.endpoint.ClientSecret != ""
}

// debuggedToken is what Meta says of a token to the app that it was given to.
type debuggedToken struct {
	AppID      text       `json:"app_id"`
	UserID     text       `json:"user_id"`
	Valid      flag       `json:"is_valid"`
	Expires    count      `json:"expires_at"` // seconds; 0: never
	DataAccess count      `json:"data_access_expires_at"`
	Scopes     list[text] `json:"scopes"`
	// Granular says of some scopes which pages and accounts they were granted for; without any, for all.
	Granular list[struct {
		Scope   text       `json:"scope"`
		Targets list[text] `json:"target_ids"`
	}] `json:"granular_scopes"`
}

// debug asks about a token in our app's own name.
func (g *graph) debug(ctx context.Context, op, token, account string) (debuggedToken, error) {
	var reply struct {
		Data debuggedToken `json:"data"`
	}
	app := g.endpoint.ClientID + "|" + g.endpoint.ClientSecret
	query := g.proven(url.Values{"input_token": {token}}, app)
	err := g.do(ctx, call{
		op: op, account: account, url: g.root + "/debug_token?" + query.Encode(), token: app, secrets: []string{token, g.endpoint.ClientSecret},
	}, &reply)
	return reply.Data, err
}

// Inspect implements [Inspector].
func (g *graph) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	if err := g.needToken(opInspect, t.AccessToken); err != nil {
		return TokenFacts{}, err
	}
	token, err := g.debug(ctx, opInspect, t.AccessToken, t.ExternalID)
	if e := asError(err); e != nil && e.Class == ClassReconnect { // of our app's own token: it must not kill the connection
		e.Class, e.Message = ClassInvalid, "our app's id or secret was refused"
	}
	if err != nil {
		return TokenFacts{}, err
	}
	if !bool(token.Valid) {
		return TokenFacts{}, &Error{Class: ClassReconnect, Platform: g.platform, Op: opInspect, Message: "the platform says that the token is not valid"}
	}
	facts := TokenFacts{Granted: []string{}, ExpiresAt: unixTime(token.Expires), DataAccessUntil: unixTime(token.DataAccess)}
	for _, scope := range token.Scopes {
		if !token.withheld(string(scope), g.platform, t.ExternalID) {
			facts.Granted = append(facts.Granted, string(scope))
		}
	}
	slices.Sort(facts.Granted)
	return facts, nil
}

// withheld tells whether a scope was granted for other pages or accounts only. The scopes of Instagram name its accounts, the
// others pages: of an Instagram account it is not known which page it is behind.
func (d debuggedToken) withheld(scope string, p domain.Platform, id string) bool {
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

// Inspects implements [Inspector].
func (l *linkedIn) Inspects(Target) bool {
	return l.endpoint.ClientID != "" && l.endpoint.ClientSecret != ""
}

// Inspect implements [Inspector].
func (l *linkedIn) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	if err := l.needToken(opInspect, t.AccessToken); err != nil {
		return TokenFacts{}, err
	}
	reply, err := l.introspected(ctx, opInspect, t.AccessToken)
	if err != nil {
		return TokenFacts{}, err
	}
	if !bool(reply.Active) {
		return TokenFacts{}, &Error{Class: ClassReconnect, Platform: l.platform, Op: opInspect, Message: "the platform says that the token is not valid"}
	}
	return TokenFacts{Granted: append([]string{}, reply.Scope...), ExpiresAt: unixTime(reply.Expires)}, nil
}

// Holds asks whose a token is and what it reads, without the tokens that it was asked with: for a main application that signs people in
// itself. Of Facebook, and of Instagram without [Target.OwnLogin], it is the token of a person or of a page, of which only that page
// and the Instagram account behind it are offered. Granted is nil where the platform did not say. An Error of ClassReconnect says that the
// token is dead.
func (s *Set) Holds(ctx context.Context, p domain.Platform, t Target) (Consent, error) {
	if p == domain.Instagram && !t.OwnLogin {
		p = domain.Facebook
	}
	dialog, ok := s.dialogs[p]
	if !ok {
		return Consent{}, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	return dialog.signIn.holds(ctx, t)
}

func (f facebookSignIn) holds(ctx context.Context, t Target) (c Consent, err error) {
	if err := f.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	if err := f.who(ctx, t, &c); err != nil {
		return c, err
	}
	err = f.permissions(ctx, t, &c)
	if e := asError(err); e != nil && e.Code == codeWrongRequest { // pages have no such edge
		return c, f.page(ctx, t, &c)
	}
	if err != nil {
		return c, err
	}
	return c, f.pages(ctx, t, &c)
}

// page offers the page whose own token it is. Which Instagram account is behind it is not told to every app.
func (f facebookSignIn) page(ctx context.Context, t Target, c *Consent) error {
	page := managedPage{ID: text(c.PersonID), Name: text(c.Name)}
	var told managedPage
	fields := url.Values{"fields": {"id,instagram_business_account{id,username,name}"}}
	err := f.get(ctx, opOffered, t, "me", fields, &told)
	if e := asError(err); e != nil && e.Class != ClassInvalid && e.Class != ClassPermission {
		return err
	}
	page.Instagram, page.AccessToken = told.Instagram, text(t.AccessToken)
	c.Offered = page.offered(nil)
	return nil
}

func (i instagramSignIn) holds(ctx context.Context, t Target) (c Consent, err error) {
	if err := i.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	c.Tokens.AccessToken = t.AccessToken
	err = i.who(ctx, "", &c)
	c.Tokens = Tokens{}
	return c, err
}

// holds goes without what was granted where our app's id and secret are not known.
func (l linkedInSignIn) holds(ctx context.Context, t Target) (c Consent, err error) {
	if err := l.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	told := l.Inspects(t)
	if told {
		err = l.introspect(ctx, t, &c)
	} else {
		c.Granted = []string{scopePages, scopeProfile}
	}
	if err == nil {
		err = l.member(ctx, t, &c)
	}
	if err == nil {
		err = l.pages(ctx, t, &c)
	}
	if e := asError(err); !told && e != nil && e.Class == ClassPermission { // it is of an app without pages
		err = nil
	}
	c.Tokens = Tokens{}
	if !told {
		c.Granted = nil
	}
	return c, err
}

func (k tikTokSignIn) holds(ctx context.Context, t Target) (Consent, error) {
	user, err := k.user(ctx, t, "open_id,display_name")
	c := Consent{PersonID: string(user.OpenID), Name: string(user.Name)}
	if err == nil {
		err = k.known(c.PersonID)
	}
	c.Offered = []Offered{{Platform: k.platform, ExternalID: c.PersonID, Name: c.Name, MayRead: true}}
	return c, err
}
