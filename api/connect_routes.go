package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// The addresses of browsers. What their last segment says opens something, so that logs show the pattern alone.
const (
	patternConnectStart  = "/connect/start/{start}"
	patternConnectBack   = "/connect/{network}"
	patternConnectChoose = "/connect/choose/{attempt}"
	patternConnectLink   = "/connect/link/{token}"
)

// The parameters of connecting.
var (
	paramAttempt = Param{
		Name: "attempt", Kind: KindText, Text: "The id of a sign-in, as POST /api/connect answered it.", Example: "0191c2f0-0000-4000-8000-000000000001",
	}
	paramLinkID = Param{Name: "link", Kind: KindText, Text: "The id of a link.", Example: "0191c2f0-0000-4000-8000-000000000002"}

	paramStart       = Param{Name: "start", Kind: KindText, Text: "What the sign-in's address ends in; it works once.", Example: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	paramBrowserLink = Param{Name: "token", Kind: KindText, Text: "What the link's address ends in.", Example: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	paramAttemptPage = Param{Name: "attempt", Kind: KindText, Text: "The id of a sign-in.", Example: "0191c2f0-0000-4000-8000-000000000001"}
	paramCallBack    = Param{Name: "network", Kind: KindRowID, Text: "The platform: " + domain.PlatformNumbers() + ".", Example: 1}
)

// connecting serves how pages and profiles are connected.
type connecting struct {
	connect     *connect.Connect
	doorkeeper  *doorkeeper
	faults      *faults
	ready       func() error
	peopleKnown func() error
}

func (c *connecting) routes() []Operation {
	who := []Role{RoleAgency, RoleClient}
	connects := c.connect
	return append([]Operation{
		{
			http.MethodPost, "/api/connect", "postConnect", who,
			answering(nothing, c.postConnect).accepting(reflect.TypeFor[connectBody]()),
		},
		{http.MethodGet, "/api/connect/links", "getConnectLinks", who, asking(c, nothing,
			func(ctx context.Context, asks domain.ConnectRequester, _ none, still connect.Still) ([]domain.ConnectLink, error) {
				links, err := connect.Links{Connect: connects}.List(ctx, asks, still)
				return append([]domain.ConnectLink{}, links...), err
			})},
		{
			http.MethodPost, "/api/connect/links", "postConnectLinks", who,
			answering(nothing, c.postConnectLinks).accepting(reflect.TypeFor[connectLinkBody]()),
		},
		{
			http.MethodPost, "/api/connect/links/{link}/revoke", "postConnectLinksRevoke", who,
			asking(c, textOf(paramLinkID), connect.Links{Connect: connects}.Revoke),
		},
		{http.MethodGet, "/api/connect/{attempt}", "getConnect", who, asking(c, textOf(paramAttempt),
			func(ctx context.Context, asks domain.ConnectRequester, id string, _ connect.Still) (connect.Status, error) {
				return connects.Status(ctx, asks, id)
			})},
		{
			http.MethodPost, "/api/platforms/{platformId}/disconnect", "postPlatformsDisconnect", who,
			asking(c, idOf(paramConnection), connects.Disconnect),
		},

		{http.MethodGet, patternConnectStart, "getConnectStart", nil, c.browserPage(true, paramStart, c.getConnectStart)},
		{http.MethodGet, patternConnectBack, "getConnectBack", nil, c.browserPage(false, paramCallBack, c.getConnectBack)},
		{http.MethodGet, patternConnectChoose, "getConnectChoose", nil, c.browserPage(true, paramAttemptPage, c.getConnectChoose)},
		{http.MethodPost, patternConnectChoose, "postConnectChoose", nil, c.browserPage(true, paramAttemptPage, c.postConnectChoose)},
		{http.MethodGet, patternConnectLink, "getConnectLink", nil, c.browserPage(true, paramBrowserLink, c.getConnectLink)},
		{http.MethodPost, patternConnectLink, "postConnectLink", nil, c.browserPage(true, paramBrowserLink, c.postConnectLink)},
	}, c.metaRoutes()...)
}

// still judges whether the person who asked for a sign-in may come in now.
func (k *doorkeeper) still(ctx context.Context, r domain.ConnectRequester) error {
	p := Principal{UserID: r.UserID, AccountID: r.ParentAccount, Roles: Roles{Role(r.Role)}}
	if p.Roles.Has(RoleClient) {
		p.AccountID = r.AccountID
	}
	return k.admit(ctx, p)
}

// requester is the caller as it asks for an account; "": for those that it may ask for.
func (k *doorkeeper) requester(r *http.Request, account string) (domain.ConnectRequester, error) {
	p, _ := PrincipalFrom(r.Context())
	parent, err := k.parentOf(r.Context(), p)
	asks := domain.ConnectRequester{ParentAccount: parent, AccountID: account, UserID: p.UserID, Role: string(RoleAgency)}
	if p.Roles.Has(RoleAgency) || err != nil {
		return asks, err
	}
	asks.Role = string(RoleClient)
	if account != "" && account != p.AccountID {
		return asks, errNoSuchAccount
	}
	asks.AccountID = p.AccountID
	return asks, nil
}

var errNoSuchAccount = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")

// connectBody is what a sign-in is asked for with.
type connectBody struct {
	// Platform is where the person signs in: {platforms}.
	Platform domain.Platform `json:"platform"`
	// Account is the id of the account whose pages are connected: a client, or the agency itself.
	Account string `json:"account"`
	// ReturnTo is where the result page leads: a path of this service, or an address of a configured origin.
	ReturnTo string `json:"return_to,omitempty"`
	// SocialAccount is a connected page or profile that is to be connected again; without it, the person chooses freely.
	SocialAccount int64 `json:"social_account,omitempty"`
}

const connectMembers = "cannot be read: platform, social_account and days are numbers, platforms a list of numbers, all others texts"

// asking answers a caller as it asks for the accounts that it may ask for.
func asking[Q, T any](
	c *connecting, parse func(*Params) Q, act func(context.Context, domain.ConnectRequester, Q, connect.Still) (T, error),
) operation {
	return answering(parse, func(r *http.Request, q Q) (answer T, err error) {
		asks, err := c.doorkeeper.requester(r, "")
		if err != nil {
			return answer, err
		}
		return act(r.Context(), asks, q, c.doorkeeper.still)
	})
}

func (c *connecting) postConnect(r *http.Request, _ none) (begun connect.Begun, err error) {
	body, bad, err := readBody(r, connectBody{}, unknownMember, connectMembers)
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
	asks, err := c.doorkeeper.requester(r, account)
	if err != nil {
		return begun, err
	}
	return c.connect.Begin(r.Context(), connect.Request{
		ConnectRequester: asks, Platform: body.Platform, ReturnTo: body.ReturnTo, SocialAccount: body.SocialAccount,
	}, c.doorkeeper.still)
}

// connectLinkBody is what a link is asked for with.
type connectLinkBody struct {
	// Account is the id of the account whose pages are connected.
	Account string `json:"account"`
	// Platforms are where a person who has the link may sign in.
	Platforms []domain.Platform `json:"platforms"`
	// Days is how long the link works: 1 to 14.
	Days int `json:"days"`
}

func (c *connecting) postConnectLinks(r *http.Request, _ none) (made connect.MadeLink, err error) {
	body, bad, err := readBody(r, connectLinkBody{}, unknownMember, connectMembers)
	if err != nil {
		return made, err
	}
	account := bad.HexID("account", body.Account)
	slices.Sort(body.Platforms)
	if len(body.Platforms) == 0 || slices.ContainsFunc(body.Platforms, func(p domain.Platform) bool { return !p.Valid() }) {
		bad.Addf("platforms", "must name one platform or more: 1, 3, 4, 6")
	}
	if body.Days < 1 || body.Days > connect.MaxLinkDays {
		bad.Addf("days", "must be 1 to %d", connect.MaxLinkDays)
	}
	if err := bad.Err(); err != nil {
		return made, err
	}
	asks, err := c.doorkeeper.requester(r, account)
	if err != nil {
		return made, err
	}
	return connect.Links{Connect: c.connect}.Make(r.Context(), connect.LinkRequest{
		ConnectRequester: asks, Platforms: slices.Compact(body.Platforms), Days: body.Days,
	}, c.doorkeeper.still)
}

// The addresses that stand in the settings of Meta's apps, and where a person looks after what they asked for.
const (
	patternMetaDeauthorize = "/connect/meta/deauthorize"
	patternMetaDelete      = "/connect/meta/delete"
	patternMetaDeletion    = patternMetaDelete + "/{code}"
)

var paramDeletionCode = Param{
	Name: "code", Kind: KindText, Text: "The confirmation code that Meta received.", Example: "0123456789abcdef0123456789abcdef",
}

// metaRoutes are the rows of what Meta calls: none without the secret of one of its apps.
func (c *connecting) metaRoutes() []Operation {
	calls := connect.MetaCalls{Connect: c.connect}
	if !calls.Configured() {
		return nil
	}
	deauthorize := func(ctx context.Context, signed string) (struct{}, error) {
		return struct{}{}, calls.Deauthorized(ctx, signed)
	}
	deletion := operation{serve: metaCall(c, calls.DeletionAsked), Answer: Answer{Bare: reflect.TypeFor[connect.DeletionAnswer]()}}
	return []Operation{
		{http.MethodPost, patternMetaDeauthorize, "postConnectMetaDeauthorize", nil, operation{serve: metaCall(c, deauthorize)}},
		{http.MethodPost, patternMetaDelete, "postConnectMetaDelete", nil, deletion},
		{http.MethodGet, patternMetaDeletion, "getConnectMetaDelete", nil, c.browserPage(false, paramDeletionCode, c.getMetaDeletion)},
	}
}

// metaCall serves a call of Meta: it stands for itself by its signature, not by a token.
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
	page := connectPage{Title: "Your data is being deleted", Deletion: state, Again: true}
	if state.DoneAt != nil {
		page.Title, page.Again = "Your request is done", false
	}
	return writePage(w, http.StatusOK, "deletion", page)
}
