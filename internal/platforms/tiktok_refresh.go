package platforms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// oauthReply is a token answer (RFC 6749 shape, TikTok's additions). Older TikTok guides print it
// wrapped in `data`.
type oauthReply struct {
	AccessToken           text  `json:"access_token"`
	ExpiresIn             count `json:"expires_in"` // seconds
	RefreshToken          text  `json:"refresh_token"`
	RefreshExpiresIn      count `json:"refresh_expires_in"`       // TikTok, seconds
	RefreshTokenExpiresIn count `json:"refresh_token_expires_in"` // LinkedIn, seconds
	OpenID                text  `json:"open_id"`
	Scope                 text  `json:"scope"`
}

// tokens dates the lifetimes from now.
func (r oauthReply) tokens(now time.Time) Tokens {
	t := Tokens{
		AccessToken: string(r.AccessToken), RefreshToken: string(r.RefreshToken), ExternalID: string(r.OpenID), Scope: string(r.Scope),
		ExpiresAt: expiry(now, r.ExpiresIn), RefreshExpiresAt: expiry(now, r.RefreshExpiresIn),
	}
	if t.RefreshExpiresAt.IsZero() {
		t.RefreshExpiresAt = expiry(now, r.RefreshTokenExpiresIn)
	}
	return t
}

func expiry(now time.Time, seconds count) time.Time {
	const years = 10 * 365 * 24 * 60 * 60
	if !seconds.ok || seconds.n <= 0 || seconds.n > years {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds.n) * time.Second).UTC()
}

// Refresh implements [Client]. The refresh token rotates and the old one stops working, so refreshes
// of one account must not run side by side, and the new refresh token must be stored first.
// Lifetimes are what the answer says, never assumed.
func (k *tikTok) Refresh(ctx context.Context, req RefreshRequest) (Tokens, error) {
	const op = "refresh"
	if req.RefreshToken == "" {
		return Tokens{}, &Error{Class: ClassReconnect, Platform: k.platform, Op: op, Message: "there is no refresh token for this account"}
	}
	form := url.Values{
		"client_key": {k.endpoint.ClientID}, "client_secret": {k.endpoint.ClientSecret},
		"grant_type": {"refresh_token"}, "refresh_token": {req.RefreshToken},
	}
	auth := *k.caller
	auth.classify = classifyTikTokOAuth
	var raw json.RawMessage
	err := auth.do(ctx, call{
		op: op, account: req.Target.ExternalID, method: http.MethodPost, form: form.Encode(),
		url:     k.endpoint.AuthURL + "/" + k.endpoint.Version + "/oauth/token/",
		whole:   true,
		secrets: []string{req.RefreshToken, req.Target.AccessToken, k.endpoint.ClientSecret},
	}, &raw)
	if err != nil {
		return Tokens{}, err
	}
	reply, _ := tikTokTokens(raw)
	tokens := reply.tokens(k.now())
	if want := req.Target.ExternalID; want != "" && tokens.ExternalID != "" && tokens.ExternalID != want {
		e := wrongAccount()
		e.Platform, e.Op = domain.TikTok, op
		return Tokens{}, e
	}
	return tokens, nil
}

// tikTokTokens reads the flat answer or the older wrapped one; false without an access token.
func tikTokTokens(body []byte) (oauthReply, bool) {
	var reply struct {
		oauthReply
		Data maybe[oauthReply] `json:"data"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return oauthReply{}, false
	}
	if reply.AccessToken == "" && reply.Data.ok {
		return reply.Data.v, reply.Data.v.AccessToken != ""
	}
	return reply.oauthReply, reply.AccessToken != ""
}

// classifyTikTokOAuth: a success is an answer with an access token. Errors are flat and have been
// seen under HTTP 200, so the status proves nothing.
func classifyTikTokOAuth(ans answer) *Error {
	if _, ok := tikTokTokens(ans.body); ok && ans.status == http.StatusOK {
		return nil
	}
	if e := classifyTikTok(ans); e != nil {
		return e
	}
	return malformed()
}
