package platforms

import (
	"context"
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
func (i *instagram) Inspects(t Target) bool { return !t.InstagramLogin && i.facebookLogin.Inspects(t) }

// Inspect implements [Inspector].
func (i *instagram) Inspect(ctx context.Context, t Target) (TokenFacts, error) {
	return i.facebookLogin.Inspect(ctx, t)
}

// Inspects implements [Inspector]: tokens are asked about in our app's own name.
func (g *graph) Inspects(Target) bool { return g.clientID != "" && g.secret != "" }

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
	app := g.clientID + "|" + g.secret
	query := g.proven(url.Values{"input_token": {token}}, app)
	err := g.do(ctx, call{
		op: op, account: account, url: g.root + "/debug_token?" + query.Encode(), token: app, secrets: []string{token, g.secret},
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
	return TokenFacts{Granted: append([]string{}, splitScopes(string(reply.Scope))...), ExpiresAt: unixTime(reply.Expires)}, nil
}

// Inspects implements [Inspector]: scopes come with the token, and with each renewal.
func (k *tikTok) Inspects(Target) bool { return false }

// Inspect implements [Inspector].
func (k *tikTok) Inspect(context.Context, Target) (TokenFacts, error) {
	return TokenFacts{}, invalid(k.platform, opInspect, "TikTok does not say what a token may do")
}
