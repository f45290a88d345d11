package platforms

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// instagramSignIn is Instagram login, which offers one account.
type instagramSignIn struct{ *graph }

func (i instagramSignIn) Address(state, redirectURI string) string {
	scope := url.Values{"scope": {strings.Join(i.endpoint.Scopes, ",")}}
	return i.endpoint.address("/oauth/authorize", state, redirectURI, scope)
}

// Redeem identifies the person by the app-scoped ID (`id`), which Meta's callbacks use. The account
// is `user_id`.
func (i instagramSignIn) Redeem(ctx context.Context, code, redirectURI string) (Consent, error) {
	code = strings.TrimSuffix(code, "#_")
	short, err := i.redeem(ctx, i.endpoint, "/oauth/access_token", code, redirectURI, classifyInstagramCode)
	if err != nil {
		return Consent{}, err
	}
	token := string(short.AccessToken)
	key := i.endpoint.key()
	query := i.signed(url.Values{
		"grant_type": {"ig_exchange_token"}, "client_secret": {key}, "access_token": {token},
	}, token)
	long, err := i.tokenReply(ctx, call{
		op: opLonger, classify: classifyGraph, url: i.endpoint.BaseURL + "/access_token?" + query.Encode(),
		detached: true, errorsFirst: true, secrets: []string{token, key},
	})
	if err != nil {
		return Consent{}, err
	}
	c := Consent{
		Tokens: long.tokens(i.cfg.Now()), Granted: short.Permissions,
		Declined: declinedScopes(i.endpoint.Scopes, short.Permissions),
	}
	if err := i.readPerson(ctx, short.UserID, &c); err != nil {
		return Consent{}, err
	}
	c.Tokens.ExternalID = c.PersonID
	return c, nil
}

type instagramMe struct {
	ID       text `json:"id"`
	UserID   text `json:"user_id"`
	Username text `json:"username"`
	Name     text `json:"name"`
	Picture  text `json:"profile_picture_url"`
}

// readPerson fails if tokenUserID, which the token endpoint may have returned, is neither the
// person's nor the account's ID.
func (i instagramSignIn) readPerson(ctx context.Context, tokenUserID text, c *Consent) error {
	var reply struct {
		instagramMe
		Data list[instagramMe] `json:"data"` // as shown in the documentation
	}
	query := url.Values{"fields": {"id,user_id,username,name,profile_picture_url"}}
	if err := i.get(ctx, opWho, Target{AccessToken: c.Tokens.AccessToken}, "me", query, &reply); err != nil {
		return err
	}
	me := reply.instagramMe
	if len(reply.Data) == 1 {
		me = reply.Data[0]
	}
	if tokenUserID != "" && tokenUserID != me.ID && tokenUserID != me.UserID {
		return wrongAccount(i.platform, opWho)
	}
	c.PersonID, c.Name = string(cmp.Or(me.ID, me.UserID)), string(cmp.Or(me.Name, me.Username))
	c.Offered = []Offered{{
		Platform: domain.Instagram, ExternalID: string(me.UserID), Name: c.Name,
		Username: string(me.Username), PictureURL: string(me.Picture), MayRead: true,
	}}
	return i.checkPersonID(string(me.UserID))
}

// RevokeConsent does nothing, because Instagram login has no such call.
func (i instagramSignIn) RevokeConsent(context.Context, Tokens) error { return nil }

// classifyInstagramCode classifies an error of the token endpoint, which is a flat object and
// always has code 400.
func classifyInstagramCode(ans answer) *Error {
	var body struct {
		Type    text `json:"error_type"`
		Code    text `json:"code"`
		Message text `json:"error_message"`
	}
	if json.Unmarshal(ans.body, &body) != nil || body.Message == "" {
		return classifyGraph(ans)
	}
	e := &Error{Reason: reasonOfStatus(ans.status), Code: string(body.Code), PlatformMessage: string(body.Message)}
	switch {
	case e.Kind() != domain.StatusUnknown:
	case appSettings.in(e.PlatformMessage):
		e.Reason, e.About = domain.StatusApp, AboutApp
	default:
		e.Reason = domain.StatusRefused
	}
	return e
}
