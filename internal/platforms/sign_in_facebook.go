package platforms

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// facebookSignIn is Facebook Login or Facebook Login for Business. It offers pages and their
// Instagram accounts.
type facebookSignIn struct{ *graph }

const scopeInstagram = "instagram_basic"

// Address sets auth_type. Otherwise, the dialog would offer neither scopes that the person declined
// before nor new pages.
func (f facebookSignIn) Address(state, redirectURI string) string {
	more := url.Values{"auth_type": {"rerequest"}}
	if f.endpoint.ConfigID != "" {
		more.Set("config_id", f.endpoint.ConfigID)
	} else {
		more.Set("scope", strings.Join(f.endpoint.Scopes, ","))
	}
	return f.endpoint.address("/"+f.endpoint.Version+"/dialog/oauth", state, redirectURI, more)
}

func (f facebookSignIn) Redeem(ctx context.Context, code, redirectURI string) (Consent, error) {
	tokens, err := f.redeemLongLived(ctx, code, redirectURI)
	if err != nil {
		return Consent{}, err
	}
	c := Consent{Tokens: tokens}
	t := Target{AccessToken: tokens.AccessToken}
	for _, part := range []func(context.Context, Target, *Consent) error{
		f.readPerson, f.readPermissions, f.readExpiry, f.listPages, f.findGranted,
	} {
		if err := part(ctx, t, &c); err != nil {
			return Consent{}, err
		}
	}
	c.Tokens.ExternalID = c.PersonID
	return c, nil
}

// redeemLongLived exchanges the short-lived token for a long-lived one. Page tokens that are
// requested with a short-lived token expire within an hour.
func (f facebookSignIn) redeemLongLived(ctx context.Context, code, redirectURI string) (Tokens, error) {
	if err := f.needCode(code); err != nil {
		return Tokens{}, err
	}
	short, err := f.exchangeToken(ctx, opCode, code, classifyGraphCode,
		url.Values{"redirect_uri": {redirectURI}, "code": {code}})
	if err != nil {
		return Tokens{}, err
	}
	token := string(short.AccessToken)
	long, err := f.exchangeToken(ctx, opLonger, token, classifyGraph,
		url.Values{"grant_type": {"fb_exchange_token"}, "fb_exchange_token": {token}})
	if err != nil {
		return Tokens{}, err
	}
	return long.tokens(f.cfg.Now()), nil
}

// exchangeToken uses GET, as Meta documents. The URL contains secrets, which is one reason why no
// error quotes a URL.
func (f facebookSignIn) exchangeToken(
	ctx context.Context, op, secret string, classify func(answer) *Error, query url.Values,
) (oauthReply, error) {
	key := f.endpoint.key()
	query.Set("client_id", f.endpoint.ClientID)
	query.Set("client_secret", key)
	address := f.endpoint.authURL + "/" + f.endpoint.Version + "/oauth/access_token?" + query.Encode()
	return f.tokenReply(ctx, call{
		op: op, classify: classify, url: address, detached: true, errorsFirst: true,
		secrets: []string{secret, key},
	})
}

func (f facebookSignIn) readPerson(ctx context.Context, t Target, c *Consent) error {
	var me struct {
		ID   text `json:"id"`
		Name text `json:"name"`
	}
	if err := f.get(ctx, opWho, t, "me", url.Values{"fields": {"id,name"}}, &me); err != nil {
		return err
	}
	c.PersonID, c.Name = string(me.ID), string(me.Name)
	return f.checkPersonID(c.PersonID)
}

// readPermissions ignores expired permissions, which are neither granted nor declined.
func (f facebookSignIn) readPermissions(ctx context.Context, t Target, c *Consent) error {
	type permission struct {
		Name   text `json:"permission"`
		Status text `json:"status"`
	}
	err := eachListed(ctx, f.graph, opGranted, t, "me/permissions", nil, "the granted scopes", func(p permission) {
		switch p.Status {
		case "granted":
			c.Granted = append(c.Granted, string(p.Name))
		case "declined":
			c.Declined = append(c.Declined, string(p.Name))
		}
	})
	slices.Sort(c.Granted)
	slices.Sort(c.Declined)
	c.Granted, c.Declined = slices.Compact(c.Granted), slices.Compact(c.Declined)
	return err
}

func (f facebookSignIn) readExpiry(ctx context.Context, t Target, c *Consent) error {
	token, err := f.debug(ctx, opUntil, t.AccessToken, "")
	if err != nil {
		return err
	}
	switch {
	case !bool(token.Valid):
		return f.invalidToken(opUntil, "the platform reports that the new token is invalid")
	case token.AppID != "" && string(token.AppID) != f.endpoint.ClientID,
		token.UserID != "" && string(token.UserID) != c.PersonID:
		return wrongAccount(f.platform, opUntil)
	}
	c.Tokens.ExpiresAt, c.DataAccessUntil = unixTime(token.Expires), unixTime(token.DataAccess)
	c.targets = token.Granular
	return nil
}

type managedPage struct {
	ID          text        `json:"id"`
	Name        text        `json:"name"`
	Username    text        `json:"username"`
	AccessToken text        `json:"access_token"`
	Tasks       *list[text] `json:"tasks"`
	Picture     maybe[struct {
		Data struct {
			URL text `json:"url"`
		} `json:"data"`
	}] `json:"picture"`
	Instagram maybe[struct {
		ID       text `json:"id"`
		Username text `json:"username"`
		Name     text `json:"name"`
		Picture  text `json:"profile_picture_url"`
	}] `json:"instagram_business_account"`
}

// listPages adds the pages that the platform lists for the person. If it refuses the list, the
// pages that were granted may still be found by their IDs.
func (f facebookSignIn) listPages(ctx context.Context, t Target, c *Consent) error {
	err := f.eachPage(ctx, t, "me/accounts", c, func(p managedPage) {
		c.Offered = append(c.Offered, p.offered(c.Offered)...)
	})
	if err == nil || endsSignIn(err) {
		return err
	}
	reason := "Facebook refused to list your pages. Start again, and leave everything selected there."
	if c.Incomplete = err; errorIn(err).Code == codeNoWayOn {
		reason = "Facebook did not list all of your pages. If one is missing here, start again in a few minutes."
	}
	c.NotOffered = append(c.NotOffered, f.without(ctx, "Pages that Facebook does not list", reason, err))
	return nil
}

func (c Consent) pageFields() url.Values {
	fields := "id,name,username,access_token,tasks,picture{url}"
	if slices.Contains(c.Granted, scopeInstagram) {
		fields += ",instagram_business_account{id,username,name,profile_picture_url}"
	}
	return url.Values{"fields": {fields}}
}

func (f facebookSignIn) eachPage(
	ctx context.Context, t Target, path string, c *Consent, found func(managedPage),
) error {
	return eachListed(ctx, f.graph, opOffered, t, path, c.pageFields(), "the pages", found)
}

// eachListed calls found with each element of a list, to its end. A list that is too large for the
// platform is requested again with half the limit. A page that is shorter than the limit is not
// necessarily the last one. A page without a way on is requested once more, so an element may be
// found twice. content names what the list contains, for an error.
func eachListed[T any](
	ctx context.Context, g *graph, op string, t Target, path string, query url.Values, content string, found func(T),
) error {
	const first = 100
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	limit, after, again := first, "", false
	for range maxListPages {
		query.Set("limit", strconv.Itoa(limit))
		if after != "" {
			query.Set("after", after)
		}
		var page graphPage[T]
		err := g.get(ctx, op, t, path, query, &page)
		if oversized(err) && limit > 1 {
			limit /= 2
			continue
		}
		if err != nil {
			return err
		}
		if !page.Data.ok {
			return incompleteAnswer(g.platform, op, "the answer does not contain "+content)
		}
		for _, element := range page.Data.list {
			found(element)
		}
		switch next, known := page.after(after); {
		case known && next == "":
			return nil
		case known:
			after, again = next, false
		case again:
			return NoWayOn(g.platform, op)
		default:
			again = true
		}
	}
	return NoWayOn(g.platform, op)
}

const scopeBusiness = "business_management" // required for pages that belong to a business

// findGranted compares what was granted with what is offered. The list of pages can lack pages of
// business portfolios, so pages that were granted and not listed are requested by their IDs, and if
// that fails, looked for in the person's businesses. What stays missing is named.
func (f facebookSignIn) findGranted(ctx context.Context, t Target, c *Consent) error {
	refused := map[string]error{} // by ID
	for _, id := range c.missing(domain.Facebook) {
		var page managedPage
		err := f.get(ctx, opOffered, t, id, c.pageFields(), &page)
		if endsSignIn(err) {
			return err
		}
		refused[id] = err
		if err == nil && string(page.ID) == id {
			c.Offered = append(c.Offered, page.offered(c.Offered)...)
		}
	}
	if len(c.missing(domain.Facebook)) > 0 && slices.Contains(c.Granted, scopeBusiness) {
		if err := f.searchBusinesses(ctx, t, c); endsSignIn(err) {
			return err
		} else if err != nil {
			f.without(ctx, "pages of businesses", "", err)
		}
	}
	for _, id := range c.missing(domain.Facebook) {
		c.NotOffered = append(c.NotOffered, f.without(ctx, "Facebook page "+id, "You selected it, but Facebook does not show "+
			"it to this service. Ask someone who has full control of the page to give you access to its insights.", refused[id]))
	}
	for _, id := range c.missing(domain.Instagram) {
		c.NotOffered = append(c.NotOffered, NotOffered{"Instagram account " + id, "You selected it, but no page that you " +
			"selected is linked to it. Start again, and also select its page."})
	}
	return nil
}

// missing returns the IDs for which scopes were granted and that are not offered.
func (c Consent) missing(p domain.Platform) (ids []string) {
	for _, granular := range c.targets {
		if strings.HasPrefix(string(granular.Scope), "instagram_") != (p == domain.Instagram) ||
			p == domain.Facebook && !strings.HasPrefix(string(granular.Scope), "pages_") && granular.Scope != scopeInsights {
			continue
		}
		for _, target := range granular.Targets {
			id := string(target)
			known := func(o Offered) bool { return o.Platform == p && o.ExternalID == id }
			if plainID(id, "") && !slices.Contains(ids, id) && !slices.ContainsFunc(c.Offered, known) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

const scopeInsights = "read_insights"

// maxBusinesses limits the calls of a sign-in: each business takes two.
const maxBusinesses = 20

func (f facebookSignIn) searchBusinesses(ctx context.Context, t Target, c *Consent) error {
	type business struct {
		ID text `json:"id"`
	}
	var ids []string
	query := url.Values{"fields": {"id"}}
	err := eachListed(ctx, f.graph, opOffered, t, "me/businesses", query, "the businesses", func(b business) {
		if id := string(b.ID); plainID(id, "") && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	})
	if endsSignIn(err) {
		return err
	}
	if err == nil && len(ids) > maxBusinesses {
		err = NoWayOn(f.platform, opOffered)
	}
	for _, id := range ids[:min(len(ids), maxBusinesses)] {
		for _, edge := range []string{"owned_pages", "client_pages"} {
			missing := c.missing(domain.Facebook)
			if len(missing) == 0 {
				return nil
			}
			failed := f.eachPage(ctx, t, id+"/"+edge, c, func(p managedPage) {
				if slices.Contains(missing, string(p.ID)) {
					c.Offered = append(c.Offered, p.offered(c.Offered)...)
				}
			})
			if endsSignIn(failed) {
				return failed
			}
			c.Incomplete = cmp.Or(c.Incomplete, failed)
		}
	}
	if errorIn(err).Code == codeNoWayOn { // further businesses may have the pages
		c.Incomplete = cmp.Or(c.Incomplete, err)
	}
	return err
}

const taskAnalyze = "ANALYZE" // a person's task on a page that is required to read its figures

func (m managedPage) offered(existing []Offered) []Offered {
	id, token := string(m.ID), string(m.AccessToken)
	known := func(o Offered) bool { return o.Platform == domain.Facebook && o.ExternalID == id }
	if !plainID(id, "") || slices.ContainsFunc(existing, known) {
		return nil
	}
	// If the tasks are absent, they are unknown. A page without a token cannot be read.
	mayRead := token != "" && (m.Tasks == nil || slices.Contains(*m.Tasks, taskAnalyze))
	missing := ""
	if !mayRead {
		missing = taskAnalyze
	}
	out := []Offered{{
		Platform: domain.Facebook, ExternalID: id, Name: string(m.Name), Username: string(m.Username),
		PictureURL: string(m.Picture.v.Data.URL), AccessToken: token, MayRead: mayRead, Missing: missing,
	}}
	if instagram := m.Instagram.v; plainID(string(instagram.ID), "") {
		out = append(out, Offered{
			Platform: domain.Instagram, ExternalID: string(instagram.ID),
			Name:     string(cmp.Or(instagram.Name, instagram.Username)),
			Username: string(instagram.Username), PictureURL: string(instagram.Picture),
			AccessToken: token, MayRead: mayRead, Missing: missing,
		})
	}
	return out
}

// RevokeConsent revokes the consent to the whole app.
func (f facebookSignIn) RevokeConsent(ctx context.Context, tokens Tokens) error {
	if err := f.needToken(opGiveBack, tokens.AccessToken); err != nil {
		return err
	}
	var reply struct {
		Success flag `json:"success"`
	}
	query := f.signed(url.Values{}, tokens.AccessToken)
	err := f.do(ctx, call{
		op: opGiveBack, method: http.MethodDelete, url: f.root + "/" + relative("me/permissions", query),
		token: tokens.AccessToken, detached: true,
	}, &reply)
	if err == nil && !bool(reply.Success) {
		return &Error{
			Reason: domain.StatusRetry, Platform: f.platform, Op: opGiveBack,
			Message: "the platform did not revoke the consent",
		}
	}
	return err
}

// classifyGraphCode classifies the error of an exchange of a code. Meta's error 100, which
// elsewhere is an invalid request, here means that the code was used, has expired or was issued to
// another app.
func classifyGraphCode(ans answer) *Error {
	e := classifyGraph(ans)
	switch {
	case e == nil:
	case appSettings.in(e.PlatformMessage):
		e.Reason, e.About = domain.StatusApp, AboutApp
	case e.Code == codeWrongRequest:
		e.Reason = domain.StatusRefused
	}
	return e
}
