package platforms

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// tikTokSignIn is TikTok's Login Kit, which offers one account.
type tikTokSignIn struct{ *tikTok }

const scopeHandle = "user.info.profile" // required to read the account's handle

func (t tikTokSignIn) Address(state, redirectURI string) string {
	scope := url.Values{"scope": {strings.Join(t.endpoint.Scopes, ",")}}
	return t.endpoint.address("/"+t.endpoint.Version+"/auth/authorize/", state, redirectURI, scope)
}

// Redeem decodes the code if it is still percent-encoded: TikTok's codes contain characters that
// are encoded in the callback's URL.
func (t tikTokSignIn) Redeem(ctx context.Context, code, redirectURI string) (Consent, error) {
	if plain, err := url.PathUnescape(code); err == nil {
		code = plain
	}
	reply, err := t.redeem(ctx, t.endpoint, t.tokenPath("token"), code, redirectURI, classifyTikTok)
	if err != nil {
		return Consent{}, err
	}
	c := Consent{Tokens: reply.tokens(t.cfg.Now()), PersonID: string(reply.OpenID), Granted: reply.Scope}
	c.Declined = declinedScopes(t.endpoint.Scopes, c.Granted)
	if err := t.checkPersonID(c.PersonID); err != nil {
		return Consent{}, err
	}
	fields := "open_id,display_name,avatar_url"
	if slices.Contains(c.Granted, scopeHandle) {
		fields += ",username"
	}
	user, err := t.user(ctx, Target{AccessToken: c.Tokens.AccessToken, ExternalID: c.PersonID}, fields)
	if err == nil {
		err = checkAccount(t.platform, opUserInfo, c.PersonID, user.OpenID)
	}
	if err != nil {
		return Consent{}, err
	}
	c.Name = string(user.Name)
	c.Offered = []Offered{{
		Platform: t.platform, ExternalID: c.PersonID, Name: c.Name,
		Username: string(user.Username), PictureURL: string(user.Avatar), MayRead: true,
	}}
	return c, nil
}

func (t *tikTok) tokenPath(what string) string {
	return "/" + t.endpoint.Version + "/oauth/" + what + "/"
}

// RevokeConsent revokes the consent to the whole app.
func (t tikTokSignIn) RevokeConsent(ctx context.Context, tokens Tokens) error {
	if err := t.needToken(opGiveBack, tokens.AccessToken); err != nil {
		return err
	}
	form := url.Values{"token": {tokens.AccessToken}}
	request := t.endpoint.appCall(opGiveBack, t.tokenPath("revoke"), form, classifyTikTokRevoked, tokens.AccessToken)
	return t.do(ctx, request, nil)
}

// classifyTikTokRevoked treats an empty body as success.
func classifyTikTokRevoked(ans answer) *Error {
	if body := bytes.TrimSpace(ans.body); ans.status == http.StatusOK && (len(body) == 0 || string(body) == "{}") {
		return nil
	}
	return classifyTikTok(ans)
}
