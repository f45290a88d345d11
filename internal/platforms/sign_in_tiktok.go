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

func (k tikTokSignIn) Address(state, redirectURI string) string {
	scope := url.Values{"scope": {strings.Join(k.endpoint.Scopes, ",")}}
	return k.endpoint.address("/"+k.endpoint.Version+"/auth/authorize/", state, redirectURI, scope)
}

// Redeem decodes the code if it is still percent-encoded: TikTok's codes contain characters that
// are encoded in the callback's URL.
func (k tikTokSignIn) Redeem(ctx context.Context, code, redirectURI string) (Consent, error) {
	if plain, err := url.PathUnescape(code); err == nil {
		code = plain
	}
	reply, err := k.redeem(ctx, k.endpoint, k.tokenPath("token"), code, redirectURI, classifyTikTok)
	if err != nil {
		return Consent{}, err
	}
	c := Consent{Tokens: reply.tokens(k.cfg.Now()), PersonID: string(reply.OpenID), Granted: reply.Scope}
	c.Declined = declinedScopes(k.endpoint.Scopes, c.Granted)
	if err := k.checkPersonID(c.PersonID); err != nil {
		return Consent{}, err
	}
	fields := "open_id,display_name,avatar_url"
	if slices.Contains(c.Granted, scopeHandle) {
		fields += ",username"
	}
	user, err := k.user(ctx, Target{AccessToken: c.Tokens.AccessToken, ExternalID: c.PersonID}, fields)
	if err == nil {
		err = checkAccount(k.platform, opUserInfo, c.PersonID, user.OpenID)
	}
	if err != nil {
		return Consent{}, err
	}
	c.Name = string(user.Name)
	c.Offered = []Offered{{
		Platform: k.platform, ExternalID: c.PersonID, Name: c.Name,
		Username: string(user.Username), PictureURL: string(user.Avatar), MayRead: true,
	}}
	return c, nil
}

func (k *tikTok) tokenPath(what string) string {
	return "/" + k.endpoint.Version + "/oauth/" + what + "/"
}

// RevokeConsent revokes the consent to the whole app.
func (k tikTokSignIn) RevokeConsent(ctx context.Context, tokens Tokens) error {
	if err := k.needToken(opGiveBack, tokens.AccessToken); err != nil {
		return err
	}
	form := url.Values{"token": {tokens.AccessToken}}
	request := k.endpoint.appCall(opGiveBack, k.tokenPath("revoke"), form, classifyTikTokRevoked, tokens.AccessToken)
	return k.do(ctx, request, nil)
}

// classifyTikTokRevoked treats an empty body as success.
func classifyTikTokRevoked(ans answer) *Error {
	if body := bytes.TrimSpace(ans.body); ans.status == http.StatusOK && (len(body) == 0 || string(body) == "{}") {
		return nil
	}
	return classifyTikTok(ans)
}
