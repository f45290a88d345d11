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

const exampleSecret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

var (
	paramAttempt = Param{
		Name: "attempt", Kind: KindText, Text: "The id of a sign-in, from POST /api/connect.",
		Example: "0191c2f0-0000-4000-8000-000000000001",
	}
	paramLinkID = Param{
		Name: "link", Kind: KindText, Text: "The id of a link.", Example: "0191c2f0-0000-4000-8000-000000000002",
	}

	paramStart = Param{
		Name: "start", Kind: KindText, Text: "The last segment of the sign-in's URL; it works once.",
		Example: exampleSecret,
	}
	paramBrowserLink = Param{
		Name: "token", Kind: KindText, Text: "The last segment of the link's URL.", Example: exampleSecret,
	}
	paramCallBack = Param{
		Name: "network", Kind: KindRowID, Text: "The platform: " + domain.PlatformNumbers() + ".", Example: 1,
	}
)

type connecting struct {
	connect     *connect.Connect
	authorizer  *authorizer
	faults      *faults
	ready       func() error
	peopleKnown func() error
}

func (c *connecting) routes() []Operation {
	roles := []Role{RoleAgency, RoleClient}
	connects := c.connect
	return append([]Operation{
		{
			http.MethodPost, "/api/connect", "postConnect", roles,
			accepting[connectBody](answering(nothing, c.postConnect)),
		},
		{http.MethodGet, "/api/connect/links", "getConnectLinks", roles, asking(c, nothing,
			func(
				ctx context.Context, requester domain.ConnectRequester, _ none, check connect.AccessCheck,
			) ([]domain.ConnectLink, error) {
				links, err := connect.Links{Connect: connects}.List(ctx, requester, check)
				return append([]domain.ConnectLink{}, links...), err
			})},
		{
			http.MethodPost, "/api/connect/links", "postConnectLinks", roles,
			accepting[connectLinkBody](answering(nothing, c.postConnectLinks)),
		},
		{
			http.MethodPost, "/api/connect/links/{link}/revoke", "postConnectLinksRevoke", roles,
			asking(c, textOf(paramLinkID), connect.Links{Connect: connects}.Revoke),
		},
		{http.MethodGet, "/api/connect/{attempt}", "getConnect", roles, asking(c, textOf(paramAttempt),
			func(
				ctx context.Context, requester domain.ConnectRequester, id string, _ connect.AccessCheck,
			) (connect.Status, error) {
				return connects.Status(ctx, requester, id)
			})},
		{
			http.MethodPost, "/api/platforms/{platformId}/disconnect", "postPlatformsDisconnect", roles,
			asking(c, idOf(paramPlatformID), connects.Disconnect),
		},

		{
			http.MethodGet, patternConnectStart, "getConnectStart", nil,
			c.browserPage(true, paramStart, c.getConnectStart),
		},
		{
			http.MethodGet, patternConnectBack, "getConnectBack", nil,
			c.browserPage(false, paramCallBack, c.getConnectBack),
		},
		{
			http.MethodGet, patternConnectChoose, "getConnectChoose", nil,
			c.browserPage(false, paramAttempt, c.getConnectChoose),
		},
		{
			http.MethodPost, patternConnectChoose, "postConnectChoose", nil,
			c.browserPage(true, paramAttempt, c.postConnectChoose),
		},
		{
			http.MethodGet, patternConnectLink, "getConnectLink", nil,
			c.browserPage(true, paramBrowserLink, c.getConnectLink),
		},
		{
			http.MethodPost, patternConnectLink, "postConnectLink", nil,
			c.browserPage(true, paramBrowserLink, c.postConnectLink),
		},
	}, c.metaRoutes()...)
}

// checkRequester returns an error if the person who requested a sign-in no longer has access.
func (k *authorizer) checkRequester(ctx context.Context, r domain.ConnectRequester) error {
	p := Principal{UserID: r.UserID, AccountID: r.ParentAccount, Roles: Roles{Role(r.Role)}}
	if p.Roles.Has(RoleClient) {
		p.AccountID = r.AccountID
	}
	return k.admit(ctx, p)
}

// requester returns the caller as the requester of a sign-in for an account; "" means all accounts
// of the caller.
func (k *authorizer) requester(r *http.Request, account string) (domain.ConnectRequester, error) {
	p, _ := PrincipalFrom(r.Context())
	parent, err := k.parentOf(r.Context(), p)
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
	Platform domain.Platform `json:"platform"`
	// Account is the id of the account to connect pages for: a client, or the agency itself.
	Account string `json:"account"`
	// ReturnTo is the target of the link on the result page: a path of this service, or a URL of a
	// configured origin.
	ReturnTo string `json:"return_to,omitempty"`
	// SocialAccount is a connected page or profile to reconnect; if absent, the person can choose
	// any pages.
	SocialAccount int64 `json:"social_account,omitempty"`
}

// asking returns an operation whose function gets the caller as the requester, for all accounts of
// the caller.
func asking[Q, T any](
	c *connecting, parse func(*Params) Q,
	act func(context.Context, domain.ConnectRequester, Q, connect.AccessCheck) (T, error),
) operation {
	return answering(parse, func(r *http.Request, q Q) (answer T, err error) {
		requester, err := c.authorizer.requester(r, "")
		if err != nil {
			return answer, err
		}
		return act(r.Context(), requester, q, c.authorizer.checkRequester)
	})
}

func (c *connecting) postConnect(r *http.Request, _ none) (begun connect.StartedSignIn, err error) {
	body, bad, err := readBody(r, connectBody{})
	if err != nil {
		return begun, err
	}
	if !body.Platform.Valid() {
		bad.Addf("platform", "is not a platform: use one of %s", domain.PlatformNumbers())
	}
	account := bad.HexID("account", body.Account)
	if err := bad.Err(); err != nil {
		return begun, err
	}
	requester, err := c.authorizer.requester(r, account)
	if err != nil {
		return begun, err
	}
	return c.connect.Begin(r.Context(), connect.Request{
		ConnectRequester: requester, Platform: body.Platform, ReturnTo: body.ReturnTo,
		SocialAccount: body.SocialAccount,
	}, c.authorizer.checkRequester)
}

// connectLinkBody is the body of a request to create a link.
type connectLinkBody struct {
	// Account is the id of the account to connect pages for.
	Account string `json:"account"`
	// Platforms are the platforms with which a person with the link may sign in.
	Platforms []domain.Platform `json:"platforms"`
	// Days is the number of days that the link works: 1 to 14.
	Days int `json:"days"`
}

func (c *connecting) postConnectLinks(r *http.Request, _ none) (made connect.MadeLink, err error) {
	body, bad, err := readBody(r, connectLinkBody{})
	if err != nil {
		return made, err
	}
	account := bad.HexID("account", body.Account)
	slices.Sort(body.Platforms)
	unknown := func(p domain.Platform) bool { return !p.Valid() }
	if len(body.Platforms) == 0 || slices.ContainsFunc(body.Platforms, unknown) {
		bad.Addf("platforms", "must contain one or more platforms: 1, 3, 4, 6")
	}
	if body.Days < 1 || body.Days > connect.MaxLinkDays {
		bad.Addf("days", "must be from 1 to %d", connect.MaxLinkDays)
	}
	if err := bad.Err(); err != nil {
		return made, err
	}
	requester, err := c.authorizer.requester(r, account)
	if err != nil {
		return made, err
	}
	return connect.Links{Connect: c.connect}.Make(r.Context(), connect.LinkRequest{
		ConnectRequester: requester, Platforms: slices.Compact(body.Platforms), Days: body.Days,
	}, c.authorizer.checkRequester)
}

// Patterns of Meta's callbacks, which are configured in the settings of the app, and of the page
// that shows the progress of a deletion request.
const (
	patternMetaDeauthorize = "/connect/meta/deauthorize"
	patternMetaDelete      = "/connect/meta/delete"
	patternMetaDeletion    = patternMetaDelete + "/{code}"
)

var paramDeletionCode = Param{
	Name: "code", Kind: KindText, Text: "The confirmation code that Meta received.",
	Example: "0123456789abcdef0123456789abcdef",
}

// metaRoutes returns the routes of Meta's callbacks. Without the secret of a Meta app, only the page
// of deletion requests is left.
func (c *connecting) metaRoutes() []Operation {
	calls := connect.MetaCalls{Connect: c.connect}
	progress := Operation{
		http.MethodGet, patternMetaDeletion, "getConnectMetaDelete", nil,
		c.browserPage(false, paramDeletionCode, c.getMetaDeletion),
	}
	if !calls.Configured() {
		return []Operation{progress}
	}
	deauthorize := func(ctx context.Context, signed string) (struct{}, error) {
		return struct{}{}, calls.Deauthorized(ctx, signed)
	}
	deletion := operation{
		serve: metaCall(c, calls.DeletionAsked), Answer: Answer{Bare: reflect.TypeFor[connect.DeletionAnswer]()},
	}
	return []Operation{
		{
			http.MethodPost, patternMetaDeauthorize, "postConnectMetaDeauthorize", nil,
			operation{serve: metaCall(c, deauthorize)},
		},
		{http.MethodPost, patternMetaDelete, "postConnectMetaDelete", nil, deletion},
		progress,
	}
}

// metaCall serves a callback of Meta, which is authenticated by its signature instead of a token.
func metaCall[T any](c *connecting, act func(ctx context.Context, signed string) (T, error)) endpointFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := readForm(w, r)
		if err == nil {
			err = c.ready()
		}
		if err != nil {
			return err
		}
		answer, err := act(r.Context(), form.Get("signed_request"))
		if err != nil {
			return err
		}
		writeJSON(w, contentJSON, http.StatusOK, answer)
		return nil
	}
}

func (c *connecting) getMetaDeletion(w http.ResponseWriter, r *http.Request, code string) error {
	state, err := connect.MetaCalls{Connect: c.connect}.Deletion(r.Context(), code)
	if err != nil {
		return err
	}
	page := connectPage{Title: "Your data is being deleted", Deletion: state, Reload: c.reloadOf(r)}
	if state.DoneAt != nil {
		page.Title, page.Reload = "Your data has been deleted", ""
	}
	return writePage(w, http.StatusOK, "deletion", page)
}
