package platforms

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// linkedInSignIn is the dialog of an app with the Community Management API: the member's profile
// and the pages on which the member has a role.
type linkedInSignIn struct{ *linkedIn }

const (
	scopePages   = "rw_organization_admin"     // required to list pages
	scopeProfile = "r_member_profileAnalytics" // required to read the profile
)

// Address always requests the same scopes: a different set would invalidate all earlier tokens that
// the person granted to this app.
func (l linkedInSignIn) Address(state, redirectURI string) string {
	scope := url.Values{"scope": {strings.Join(l.endpoint.Scopes, " ")}}
	return l.endpoint.address("/oauth/v2/authorization", state, redirectURI, scope)
}

func (l linkedInSignIn) Redeem(ctx context.Context, code, redirectURI string) (Consent, error) {
	reply, err := l.redeem(ctx, l.endpoint, "/oauth/v2/accessToken", code, redirectURI, classifyLinkedInCode)
	if err != nil {
		return Consent{}, err
	}
	c := Consent{Tokens: reply.tokens(l.cfg.Now())}
	t := Target{AccessToken: c.Tokens.AccessToken}
	for _, part := range []func(context.Context, Target, *Consent) error{l.introspect, l.member, l.listPages} {
		if err := part(ctx, t, &c); err != nil {
			return Consent{}, err
		}
	}
	c.Tokens.ExternalID = c.PersonID
	return c, nil
}

type introspection struct {
	Active   flag      `json:"active"`
	Scope    scopeList `json:"scope"`
	Expires  count     `json:"expires_at"` // seconds
	ClientID text      `json:"client_id"`
}

func (l *linkedIn) introspectToken(ctx context.Context, op, token string) (reply introspection, err error) {
	form := url.Values{"token": {token}}
	err = l.do(ctx, l.endpoint.appCall(op, "/oauth/v2/introspectToken", form, classifyLinkedInOAuth, token), &reply)
	return reply, err
}

func (l linkedInSignIn) introspect(ctx context.Context, t Target, c *Consent) error {
	reply, err := l.introspectToken(ctx, opGranted, t.AccessToken)
	if err != nil {
		return err
	}
	if !bool(reply.Active) || (reply.ClientID != "" && string(reply.ClientID) != l.endpoint.ClientID) {
		return l.invalidToken(opGranted, "the platform reports that the new token is not valid for our app")
	}
	c.Granted = reply.Scope
	c.Declined = declinedScopes(l.endpoint.Scopes, c.Granted)
	if expiry := unixTime(reply.Expires); !expiry.IsZero() {
		c.Tokens.ExpiresAt = expiry
	}
	return nil
}

// member reads the profile, which needs r_basicprofile. If LinkedIn refuses it, [linkedInSignIn.listPages]
// may still find out who the person is.
func (l linkedInSignIn) member(ctx context.Context, t Target, c *Consent) error {
	var me struct {
		ID    text `json:"id"`
		First text `json:"localizedFirstName"`
		Last  text `json:"localizedLastName"`
		Alias text `json:"vanityName"`
	}
	err := l.do(ctx, call{
		op: opWho, account: t.quotaAccount(), url: l.endpoint.BaseURL + "/v2/me", token: t.AccessToken,
	}, &me)
	if KindOf(err) == domain.StatusPermission {
		c.personErr, c.Incomplete = err, err
		c.NotOffered = append(c.NotOffered, l.without(ctx, "Your profile", "LinkedIn shows it only with the permission "+
			"r_basicprofile. Start again, and agree to everything. If that does not help, tell the operator of this service.", err))
		return nil
	}
	if err != nil {
		return err
	}
	c.PersonID, c.Name = string(me.ID), strings.TrimSpace(string(me.First+" "+me.Last))
	profile := Offered{
		Platform: l.platform, AccountType: domain.LinkedInProfile, ExternalID: c.PersonID, Name: c.Name,
		Username: string(me.Alias), MayRead: slices.Contains(c.Granted, scopeProfile),
	}
	if !profile.MayRead {
		profile.Missing = scopeProfile
	}
	c.Offered = append(c.Offered, profile)
	return l.checkPersonID(c.PersonID)
}

// roleAdministrator is a member's role on a page that is required to read its figures.
const roleAdministrator = "ADMINISTRATOR"

type pageRole struct {
	Organization text `json:"organization"` // URN
	Role         text `json:"role"`
	Assignee     text `json:"roleAssignee"` // URN of the person
}

// listPages adds the pages on which the member has a role. Pages with another role than
// administrator cannot be read, and pages of an unknown kind are only named. The roles also name the
// member, whose profile LinkedIn may have refused.
func (l linkedInSignIn) listPages(ctx context.Context, t Target, c *Consent) error {
	if !slices.Contains(c.Granted, scopePages) {
		return c.personErr
	}
	roles, err := l.pageRoles(ctx, t)
	if endsSignIn(err) {
		return err
	}
	if err != nil {
		reason := "LinkedIn refused to list your pages. Start again, and agree to everything. If that does not help, " +
			"tell the operator of this service."
		if c.Incomplete = err; errorIn(err).Code == codeNoWayOn {
			reason = "LinkedIn did not list all of your pages. If one is missing here, start again in a few minutes."
		}
		c.NotOffered = append(c.NotOffered, l.without(ctx, "Company pages", reason, err))
	}
	if c.PersonID == "" && len(roles) > 0 {
		c.PersonID = strings.TrimPrefix(string(roles[0].Assignee), "urn:li:person:")
	}
	if c.PersonID == "" {
		return c.personErr
	}
	if err := l.checkPersonID(c.PersonID); err != nil {
		return err
	}
	var ids []string
	mayRead := map[string]bool{}
	for _, r := range roles {
		id, known := pageID(string(r.Organization))
		if !known {
			if !slices.ContainsFunc(c.NotOffered, func(n NotOffered) bool { return n.Name == string(r.Organization) }) {
				c.NotOffered = append(c.NotOffered, NotOffered{
					string(r.Organization), "This service cannot read pages of this kind.",
				})
			}
			continue
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		mayRead[id] = mayRead[id] || r.Role == "" || r.Role == roleAdministrator
	}
	for chunk := range slices.Chunk(ids, linkedInPage) {
		if err := l.addPages(ctx, t, chunk, mayRead, c); err != nil {
			return err
		}
	}
	return nil
}

// pageRoles returns all roles of the member. A list ends at a page without new elements, which is
// requested twice because a page has been observed empty once.
func (l linkedInSignIn) pageRoles(ctx context.Context, t Target) (roles []pageRole, err error) {
	for n, again := 0, false; n < maxListPages; {
		var page struct {
			Elements completeList[pageRole] `json:"elements"`
			linkedInPaging
		}
		query := fmt.Sprintf("q=roleAssignee&state=APPROVED&count=%d&start=%d", linkedInPage, n*linkedInPage)
		if err := l.get(ctx, opOffered, t, "organizationAcls", query, &page); err != nil {
			return roles, err
		}
		if !page.Elements.ok {
			return roles, incompleteAnswer(l.platform, opOffered, "the answer does not contain the pages")
		}
		before := len(roles)
		for _, r := range page.Elements.list {
			if !slices.Contains(roles, r) {
				roles = append(roles, r)
			}
		}
		switch {
		case len(roles) > before || page.hasNext():
			n, again = n+1, false
		case again:
			return roles, nil
		default:
			again = true
		}
	}
	return roles, NoWayOn(l.platform, opOffered)
}

// pageID returns the number of a page. The number of a showcase page (organizationBrand) also names
// it as an organization.
func pageID(urn string) (id string, known bool) {
	for _, kind := range []string{"urn:li:organization:", "urn:li:organizationBrand:"} {
		if id, found := strings.CutPrefix(urn, kind); found {
			return id, plainID(id, "")
		}
	}
	return urn, false
}

// addPages offers pages, with their names if LinkedIn reports them.
func (l linkedInSignIn) addPages(
	ctx context.Context, t Target, ids []string, mayRead map[string]bool, c *Consent,
) error {
	var reply struct {
		Results map[string]maybe[struct {
			Name  text `json:"localizedName"`
			Alias text `json:"vanityName"`
		}] `json:"results"`
	}
	if err := l.get(ctx, opOffered, t, "organizations", "ids="+listOf(ids), &reply); endsSignIn(err) {
		return err
	} else if err != nil {
		l.without(ctx, "names of pages", "", err)
	}
	for _, id := range ids {
		page := reply.Results[id].v
		offer := Offered{
			Platform: l.platform, AccountType: domain.LinkedInCompanyPage, ExternalID: id,
			Name: string(page.Name), Username: string(page.Alias), MayRead: mayRead[id],
		}
		if !offer.MayRead {
			offer.Missing = roleAdministrator
		}
		c.Offered = append(c.Offered, offer)
	}
	return nil
}

// RevokeConsent revokes only the given access token.
func (l linkedInSignIn) RevokeConsent(ctx context.Context, tokens Tokens) error {
	if err := l.needToken(opGiveBack, tokens.AccessToken); err != nil {
		return err
	}
	form := url.Values{"token": {tokens.AccessToken}}
	request := l.endpoint.appCall(opGiveBack, "/oauth/v2/revoke", form, classifyLinkedInOAuth, tokens.AccessToken)
	return l.do(ctx, request, nil)
}

// classifyLinkedInCode classifies an error of the token endpoint for a code. LinkedIn returns
// `invalid_request` and the same message for a code that was used, has expired, or was issued to
// another app or for another redirect URI.
func classifyLinkedInCode(ans answer) *Error {
	e := classifyLinkedInOAuth(ans)
	if e != nil && ans.status == http.StatusBadRequest && e.Code == "invalid_request" {
		e.Reason = domain.StatusRefused
	}
	return e
}
