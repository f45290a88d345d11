package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Patterns of the pages. Their last segment may be a secret, so logs contain the pattern only.
const (
	patternConnectStart  = "/connect/start/{start}"
	patternConnectBack   = "/connect/{network}"
	patternConnectChoose = "/connect/choose/{attempt}"
	patternConnectLink   = "/connect/link/{token}"
)

// The inputs of the pages, which read them themselves.
type (
	startPage struct {
		Start Opaque `param:"start" example:"ABCDEFGHIJKLMNOPQRSTUVWXYZ"` // The last segment of the sign-in's URL; it works once.
	}
	linkPage struct {
		Token Opaque `param:"token" example:"ABCDEFGHIJKLMNOPQRSTUVWXYZ"` // The last segment of the link's URL.
	}
	callbackPage struct {
		Network RowID `param:"network" example:"1"` // The platform: {platforms}.
	}
	deletionPage struct {
		Code Opaque `param:"code" example:"0123456789abcdef0123456789abcdef"` // The confirmation code that Meta received.
	}
)

type connecting struct{ *Server }

var connectGroup = newGroup(tagConnecting, func(d Deps) bool { return d.Connect != nil })

// Operations that connect pages.
var (
	// PostConnect starts a sign-in at a platform to connect pages or profiles for an account. Open
	// start_url within ten minutes in the browser of the person who signs in; it works once. The
	// person sees who requests the sign-in, signs in at the platform, returns, and chooses what to
	// connect; nothing is stored before that. A client user can start a sign-in for their own account
	// while its dashboard is open to them with the scope connect. With social_account, that page or
	// profile is reconnected under its id, and a sign-in that does not include it is refused.
	PostConnect = byClients(connectGroup, http.MethodPost, "/api/connect", "postConnect", does(connecting.begin).refusing(domain.CodeConflict))
	// GetConnectLinks lists the links with which people without a login connect pages, newest first.
	// The URL of a link is returned only when the link is created.
	GetConnectLinks = byClients(connectGroup, http.MethodGet, "/api/connect/links", "getConnectLinks", does(connecting.links))
	// PostConnectLinks creates a link with which a person without a login connects pages for an
	// account. The link works only in the browser that follows it first, for 1 to 14 days, and only
	// while its creator may connect pages. Creating, following and revoking a link are recorded.
	PostConnectLinks = byClients(connectGroup, http.MethodPost, "/api/connect/links", "postConnectLinks", does(connecting.makeLink).refusing(domain.CodeConflict))
	// PostConnectRevoke revokes a link. Unfinished sign-ins that used the link are canceled. Pages
	// that were connected with it stay connected.
	PostConnectRevoke = byClients(connectGroup, http.MethodPost, "/api/connect/links/{link}/revoke", "postConnectLinksRevoke", does(connecting.revoke))
	// PostDisconnect disconnects a page or profile. It is no longer read; its figures are kept. The
	// service asks the platform to revoke the person's consent if no agency needs it any more. This
	// operation is idempotent.
	PostDisconnect = byClients(connectGroup, http.MethodPost, "/api/platforms/{platformId}/disconnect", "postPlatformsDisconnect", does(connecting.disconnect).refusing(domain.CodeConflict))
	// Returns the progress and the outcome of a sign-in. The result is available for a day to every
	// caller that may start such a sign-in, in any browser.
	_ = byClients(connectGroup, http.MethodGet, "/api/connect/{attempt}", "getConnect", does(connecting.status))
	// Shows who requests a sign-in and for which account, with a link to the platform. The sign-in is
	// bound to the first browser that opens this page.
	_ = connectGroup.add(Operation{http.MethodGet, patternConnectStart, "getConnectStart", nil, browserPage[startPage](true, connecting.getConnectStart)})
	// Handles the OAuth callback of a platform: {platforms}. The
	// operation reads code, state and error, ignores other parameters, and redirects to a URL without
	// them. A state works once, and only in the browser that the sign-in is bound to.
	_ = connectGroup.add(Operation{http.MethodGet, patternConnectBack, "getConnectBack", nil, browserPage[callbackPage](false, connecting.getConnectBack)})
	// Shows the pages that the sign-in makes available, or its outcome. The page works only in the
	// browser that the sign-in is bound to.
	_ = connectGroup.add(Operation{http.MethodGet, patternConnectChoose, "getConnectChoose", nil, browserPage[attemptInput](false, connecting.getConnectChoose)})
	// Connects the chosen pages. The form fields named page contain the pages to connect; those named
	// move contain the pages to move here from another client. After a refused sign-in, the form field
	// again starts another sign-in instead.
	_ = connectGroup.add(Operation{http.MethodPost, patternConnectChoose, "postConnectChoose", nil, browserPage[attemptInput](true, connecting.postConnectChoose)})
	// Shows the page of a link. Opening the page does not bind the link to a browser.
	_ = connectGroup.add(Operation{http.MethodGet, patternConnectLink, "getConnectLink", nil, browserPage[linkPage](true, connecting.getConnectLink)})
	// Follows a link and starts a sign-in at the platform that the form names. After that, the link
	// works in this browser only.
	_ = connectGroup.add(Operation{http.MethodPost, patternConnectLink, "postConnectLink", nil, browserPage[linkPage](true, connecting.postConnectLink)})
	// Shows the progress of a deletion request. The page is available for 90 days after the deletion.
	_ = connectGroup.add(Operation{http.MethodGet, patternMetaDeletion, "getConnectMetaDelete", nil, browserPage[deletionPage](false, connecting.getMetaDeletion)})
)

// checkRequester returns an error if the person who requested a sign-in no longer has access.
func (a *authorizer) checkRequester(ctx context.Context, r domain.ConnectRequester) error {
	p := Principal{UserID: r.UserID, AccountID: r.ParentAccount, Roles: Roles{Role(r.Role)}}
	if p.Roles.Has(RoleClient) {
		p.AccountID = r.AccountID
	}
	return a.admit(ctx, p)
}

// requester returns the caller as the requester of a sign-in for an account; "" means all accounts
// of the caller.
func (a *authorizer) requester(ctx context.Context, p Principal, account string) (domain.ConnectRequester, error) {
	parent, err := a.parentOf(ctx, p)
	requester := domain.ConnectRequester{
		ParentAccount: parent, AccountID: account, UserID: p.UserID, Role: string(RoleAgency),
	}
	if p.Roles.Has(RoleAgency) || err != nil {
		return requester, err
	}
	requester.Role = string(RoleClient)
	if account != "" && account != p.AccountID {
		return requester, errNoSuchAccount
	}
	requester.AccountID = p.AccountID
	return requester, nil
}

var errNoSuchAccount = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")

// connectBody is the body of a request to start a sign-in.
type connectBody struct {
	// Platform is where the person signs in: {platforms}.
	Platform domain.Platform `json:"platform" example:"1"`
	// Account is the id of the account to connect pages for: a client, or the agency itself.
	Account string `json:"account" format:"hex" example:"c10000000000000000000001"`
	// ReturnTo is the target of the link on the result page: a path of this service, or a URL of a
	// configured origin.
	ReturnTo string `json:"return_to,omitempty" format:"return" example:"/"`
	// SocialAccount is a connected page or profile to reconnect; if absent, the person can choose
	// any pages.
	SocialAccount int64 `json:"social_account,omitempty" format:"row"`
}

func (c *connectBody) check(d *decoder) {
	if !c.Platform.Valid() {
		d.bad.Addf("platform", "is not a platform: use one of %s", domain.PlatformNumbers())
	}
	c.Account = d.bad.HexID("account", c.Account)
}

// ConnectInput is the input of a sign-in at a platform.
type ConnectInput struct {
	Body connectBody `body:"required"`
}

func (c connecting) begin(ctx context.Context, caller Caller, in ConnectInput) (begun connect.StartedSignIn, err error) {
	requester, err := c.authorizer.requester(ctx, caller.Principal, in.Body.Account)
	if err != nil {
		return begun, err
	}
	return c.deps.Connect.Begin(ctx, connect.Request{
		ConnectRequester: requester, Platform: in.Body.Platform, ReturnTo: in.Body.ReturnTo,
		SocialAccount: in.Body.SocialAccount,
	}, c.authorizer.checkRequester)
}

func (c connecting) linksOf() connect.Links { return connect.Links{Connect: c.deps.Connect} }

func (c connecting) links(ctx context.Context, caller Caller, _ none) ([]domain.ConnectLink, error) {
	requester, err := c.authorizer.requester(ctx, caller.Principal, "")
	if err != nil {
		return nil, err
	}
	return c.linksOf().List(ctx, requester, c.authorizer.checkRequester)
}

type linkInput struct {
	Link string `param:"link" example:"0191c2f0-0000-4000-8000-000000000002"` // The id of a link.
}

func (c connecting) revoke(ctx context.Context, caller Caller, in linkInput) (link domain.ConnectLink, err error) {
	requester, err := c.authorizer.requester(ctx, caller.Principal, "")
	if err != nil {
		return link, err
	}
	return c.linksOf().Revoke(ctx, requester, in.Link, c.authorizer.checkRequester)
}

type attemptInput struct {
	Attempt string `param:"attempt" example:"0191c2f0-0000-4000-8000-000000000001"` // The id of a sign-in, from POST /api/connect.
}

func (c connecting) status(ctx context.Context, caller Caller, in attemptInput) (status connect.Status, err error) {
	requester, err := c.authorizer.requester(ctx, caller.Principal, "")
	if err != nil {
		return status, err
	}
	return c.deps.Connect.Status(ctx, requester, in.Attempt)
}

func (c connecting) disconnect(ctx context.Context, caller Caller, in PlatformID) (page connect.Disconnected, err error) {
	requester, err := c.authorizer.requester(ctx, caller.Principal, "")
	if err != nil {
		return page, err
	}
	return c.deps.Connect.Disconnect(ctx, requester, int64(in.Platform), c.authorizer.checkRequester)
}

// connectLinkBody is the body of a request to create a link.
type connectLinkBody struct {
	// Account is the id of the account to connect pages for.
	Account string `json:"account" format:"hex" example:"c10000000000000000000001"`
	// Platforms are the platforms with which a person with the link may sign in.
	Platforms []domain.Platform `json:"platforms" format:"some" example:"[1,4]"`
	// Days is the number of days that the link works: 1 to 14.
	Days int `json:"days" format:"days" example:"7"`
}

func (c *connectLinkBody) check(d *decoder) {
	c.Account = d.bad.HexID("account", c.Account)
	slices.Sort(c.Platforms)
	unknown := func(p domain.Platform) bool { return !p.Valid() }
	if len(c.Platforms) == 0 || slices.ContainsFunc(c.Platforms, unknown) {
		d.bad.Addf("platforms", "must contain one or more platforms: use %s", domain.PlatformNumbers())
	}
	if c.Days < 1 || c.Days > connect.MaxLinkDays {
		d.bad.Addf("days", "must be from 1 to %d", connect.MaxLinkDays)
	}
}

// ConnectLinkInput is the input of a link with which a client connects accounts.
type ConnectLinkInput struct {
	Body connectLinkBody `body:"required"`
}

func (c connecting) makeLink(ctx context.Context, caller Caller, in ConnectLinkInput) (made connect.MadeLink, err error) {
	requester, err := c.authorizer.requester(ctx, caller.Principal, in.Body.Account)
	if err != nil {
		return made, err
	}
	return c.linksOf().Make(ctx, connect.LinkRequest{
		ConnectRequester: requester, Platforms: slices.Compact(in.Body.Platforms), Days: in.Body.Days,
	}, c.authorizer.checkRequester)
}

// Patterns of Meta's callbacks, which are configured in the settings of the app, and of the page
// that shows the progress of a deletion request.
const (
	patternMetaDeauthorize = "/connect/meta/deauthorize"
	patternMetaDelete      = "/connect/meta/delete"
	patternMetaDeletion    = patternMetaDelete + "/{code}"
)

var metaRefusals = []domain.Code{domain.CodeInvalid, domain.CodeTooLarge, domain.CodeUnavailable}

// metaGroup has Meta's callbacks. They need the secret of a Meta app.
var metaGroup = newGroup(tagConnecting, func(d Deps) bool { return d.Connect != nil && d.Connect.Meta != nil })

var (
	// Receives Meta's callback when a person removes the app. This operation is for Meta only: the form
	// field signed_request must be signed with the secret of the configured app; every other request
	// gets the same error. The response does not reveal whether the person is known. The operation is
	// only available where such a secret is configured. The tokens that depend on that person's consent
	// are deleted, and their accounts are not read until a person signs in again.
	_ = metaGroup.add(Operation{http.MethodPost, patternMetaDeauthorize, "postConnectMetaDeauthorize", nil, operation{
		serve: metaCall(func(ctx context.Context, calls connect.MetaCalls, signed string) (struct{}, error) {
			return struct{}{}, calls.Deauthorized(ctx, signed)
		}),
		Answer: Answer{Media: []string{mediaJSON}}, Refuses: metaRefusals,
	}})
	// Receives Meta's callback when a person requests the deletion of their data. This operation is for
	// Meta only: the form field signed_request must be signed with the secret of the configured app;
	// every other request gets the same error. The response does not reveal whether the person is
	// known. The operation is only available where such a secret is configured. The person is erased as
	// with the command erase. A repeated request returns the same code.
	_ = metaGroup.add(Operation{http.MethodPost, patternMetaDelete, "postConnectMetaDelete", nil, operation{
		serve: metaCall(func(ctx context.Context, calls connect.MetaCalls, signed string) (connect.DeletionAnswer, error) {
			return calls.DeletionAsked(ctx, signed)
		}),
		Answer: Answer{Bare: reflect.TypeFor[connect.DeletionAnswer](), Media: []string{mediaJSON}}, Refuses: metaRefusals,
	}})
)

// metaCall serves a callback of Meta, which is authenticated by its signature instead of a token.
func metaCall[T any](act func(ctx context.Context, calls connect.MetaCalls, signed string) (T, error)) serveFunc {
	return func(s *Server, w http.ResponseWriter, r *http.Request) error {
		form, err := readForm(w, r)
		if err == nil {
			err = s.deps.Ready()
		}
		if err != nil {
			return err
		}
		answer, err := act(r.Context(), connect.MetaCalls{Connect: s.deps.Connect}, form.Get("signed_request"))
		if err != nil {
			return err
		}
		writeJSON(w, contentJSON, http.StatusOK, answer)
		return nil
	}
}

func (c connecting) getMetaDeletion(w http.ResponseWriter, r *http.Request, code string) error {
	state, err := connect.MetaCalls{Connect: c.deps.Connect}.Deletion(r.Context(), code)
	if err != nil {
		return err
	}
	page := connectPage{Title: "Your data is being deleted", Deletion: state, Reload: c.reloadOf(r)}
	if state.DoneAt != nil {
		page.Title, page.Reload = "Your data has been deleted", ""
	}
	return writePage(w, http.StatusOK, "deletion", page)
}
