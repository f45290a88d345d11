package platforms

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

const opRefresh = "refresh"

// appCall returns a call with the credentials of our app. The call is not canceled with the
// caller's context: the code or refresh token is used up once it is sent, and the answer would be
// lost.
func (e Endpoint) appCall(op, path string, form url.Values, classify func(answer) *Error, secrets ...string) call {
	key := e.key()
	form.Set(e.idField, e.ClientID)
	form.Set("client_secret", key)
	return call{
		op: op, url: e.authURL + path, detached: true, form: form, classify: classify,
		secrets: append(secrets, key),
	}
}

// refresh renews tokens with the refresh token (RFC 6749 §6).
func (h *httpClient) refresh(
	ctx context.Context, t Target, token string, e Endpoint, path string, classify func(answer) *Error,
) (Tokens, error) {
	if token == "" {
		return Tokens{}, ErrNoRefresh // the access token may remain valid for weeks
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return h.tokens(ctx, t, e.appCall(opRefresh, path, form, classify, token, t.AccessToken))
}

// tokens renews tokens. Tokens of another account are an error.
func (h *httpClient) tokens(ctx context.Context, t Target, request call) (Tokens, error) {
	request.account = t.ExternalID
	reply, err := h.tokenReply(ctx, request)
	if err == nil && t.ExternalID != "" && reply.OpenID != "" {
		err = checkAccount(h.platform, opRefresh, t.ExternalID, reply.OpenID)
	}
	if err != nil {
		return Tokens{}, err
	}
	return reply.tokens(h.cfg.Now()), nil
}

func (h *httpClient) redeem(
	ctx context.Context, e Endpoint, path, code, redirectURI string, classify func(answer) *Error,
) (oauthReply, error) {
	if err := h.needCode(code); err != nil {
		return oauthReply{}, err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}}
	return h.tokenReply(ctx, e.appCall(opCode, path, form, classify, code))
}

func (h *httpClient) needCode(code string) error {
	if code == "" {
		return h.invalidToken(opCode, "the callback contained no code")
	}
	return nil
}

// tokenReply calls a token endpoint. Only an answer with an access token is a success, because
// errors have been observed with HTTP 200. If the call has errorsFirst set, an error in the answer
// takes precedence over a token.
func (h *httpClient) tokenReply(ctx context.Context, request call) (reply oauthReply, err error) {
	classify := request.classify
	request.classify = func(ans answer) *Error {
		var ok bool
		reply, ok = oauthTokens(ans.body)
		if ok && ans.status == http.StatusOK && (!request.errorsFirst || classify(ans) == nil) {
			return nil
		}
		return cmp.Or(classify(ans), malformed())
	}
	if err := h.do(ctx, request, nil); err != nil {
		return oauthReply{}, err
	}
	return reply, nil
}

// oauthReply is the answer of a token endpoint (RFC 6749 with the additions of the platforms).
// Older TikTok guides show it as an object in `data`, and Instagram returns a list of one element
// in `data`.
type oauthReply struct {
	AccessToken           text  `json:"access_token"`
	ExpiresIn             count `json:"expires_in"` // seconds
	RefreshToken          text  `json:"refresh_token"`
	RefreshExpiresIn      count `json:"refresh_expires_in"`       // TikTok, seconds
	RefreshTokenExpiresIn count `json:"refresh_token_expires_in"` // LinkedIn, seconds
	OpenID                text  `json:"open_id"`

	Scope scopeList `json:"scope"`

	UserID      text      `json:"user_id"`     // Instagram login
	Permissions scopeList `json:"permissions"` // Instagram login: granted scopes
}

func (o oauthReply) tokens(now time.Time) Tokens {
	return Tokens{
		AccessToken: string(o.AccessToken), RefreshToken: string(o.RefreshToken),
		ExternalID: string(o.OpenID), Scopes: o.Scope,
		ExpiresAt:        expiry(now, o.ExpiresIn),
		RefreshExpiresAt: cmp.Or(expiry(now, o.RefreshExpiresIn), expiry(now, o.RefreshTokenExpiresIn)),
	}
}

func expiry(now time.Time, seconds count) time.Time {
	const years = 10 * 365 * 24 * 60 * 60
	if !seconds.ok || seconds.n <= 0 || seconds.n > years {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds.n) * time.Second).UTC()
}

func oauthTokens(body []byte) (oauthReply, bool) {
	var reply struct {
		oauthReply
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return oauthReply{}, false
	}
	if reply.AccessToken != "" {
		return reply.oauthReply, true
	}
	var one maybe[oauthReply]
	var several list[oauthReply]
	_, _ = one.UnmarshalJSON(reply.Data), several.UnmarshalJSON(reply.Data)
	if len(several) == 1 {
		one.v = several[0]
	}
	return one.v, one.v.AccessToken != ""
}
