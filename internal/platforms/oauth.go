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

// refresh renews tokens by the refresh token (RFC 6749 §6), at a path of the token endpoint's host. clientID is the name of
// the field that holds ours. A refresh that was sent is not cut by its caller's end.
func (c *httpClient) refresh(
	ctx context.Context, req RefreshRequest, endpoint Endpoint, path, clientID string, classify func(answer) *Error,
) (Tokens, error) {
	if req.RefreshToken == "" {
		return Tokens{}, ErrNoRefresh // the access token may live on for weeks
	}
	return c.tokens(ctx, req, classify, call{
		url: endpoint.authURL + path, whole: true,
		form: url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {req.RefreshToken},
			clientID: {endpoint.ClientID}, "client_secret": {endpoint.ClientSecret},
		},
		secrets: []string{req.RefreshToken, req.Target.AccessToken, endpoint.ClientSecret},
	})
}

// tokens renews tokens at a token endpoint. Those of another account than the one asked for are an error.
func (c *httpClient) tokens(ctx context.Context, req RefreshRequest, classify func(answer) *Error, request call) (Tokens, error) {
	request.op, request.account = opRefresh, req.Target.ExternalID
	reply, err := c.tokenReply(ctx, classify, request)
	if err != nil {
		return Tokens{}, err
	}
	tokens := reply.tokens(c.now())
	if want := req.Target.ExternalID; want != "" && tokens.ExternalID != "" && tokens.ExternalID != want {
		return Tokens{}, about(c.platform, opRefresh, want, reply.OpenID)
	}
	return tokens, nil
}

// tokenReply calls a token endpoint. A success is an answer with an access token: errors have been seen under HTTP 200. Where
// the request says that errors come first, one beside a token is an error.
func (c *httpClient) tokenReply(ctx context.Context, classify func(answer) *Error, request call) (oauthReply, error) {
	endpoint, reply := *c, oauthReply{}
	endpoint.classify = func(ans answer) *Error {
		var ok bool
		if reply, ok = oauthTokens(ans.body); ok && ans.status == http.StatusOK && (!request.errorsFirst || classify(ans) == nil) {
			return nil
		}
		return cmp.Or(classify(ans), malformed())
	}
	if err := endpoint.do(ctx, request, nil); err != nil {
		return oauthReply{}, err
	}
	return reply, nil
}

// oauthReply is a token answer (RFC 6749 shape, TikTok's and Instagram's additions). Older TikTok guides print it
// wrapped in `data`, Instagram answers a list of one there.
type oauthReply struct {
	AccessToken           text  `json:"access_token"`
	ExpiresIn             count `json:"expires_in"` // seconds
	RefreshToken          text  `json:"refresh_token"`
	RefreshExpiresIn      count `json:"refresh_expires_in"`       // TikTok, seconds
	RefreshTokenExpiresIn count `json:"refresh_token_expires_in"` // LinkedIn, seconds
	OpenID                text  `json:"open_id"`
	Scope                 text  `json:"scope"`

	UserID      text      `json:"user_id"`     // Instagram login, as the next
	Permissions scopeList `json:"permissions"` // granted
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

// oauthTokens reads the flat answer or the older wrapped one; false without an access token.
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

// oauthClass knows OAuth's error words (RFC 6749 §5.2), which LinkedIn and TikTok share.
func oauthClass(word string, status int) Class {
	switch word {
	case "invalid_grant":
		return ClassReconnect
	case "server_error", "temporarily_unavailable":
		return ClassRetry
	}
	return statusClass(status)
}
