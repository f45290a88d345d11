package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type entities struct{ *Server }

func hasEntities(d Deps) bool { return d.Entities != nil }

var entitiesGroup = newGroup(tagEntities, hasEntities)

// Operations about the directory.
var (
	// GetMe returns the caller: user, account, agency, roles, scopes, and what the caller can open.
	GetMe = route(newGroup(tagService, hasEntities), http.MethodGet, "/api/me", "getMe", []Role{RoleAgency, RoleClient, RoleAuditor, RoleOperator}, does(entities.me))
	// GetDashboards lists the clients of the agency, by name, each with a summary of its dashboard.
	// The request does not create dashboards: `exists` says whether a client has one. A client user
	// sees only the dashboards that they may open.
	GetDashboards = route(
		newGroup(tagDashboards, hasEntities), http.MethodGet, "/api/dashboards", "getDashboards",
		[]Role{RoleAgency, RoleClient, RoleAuditor},
		does(entities.dashboards),
	)
	// GetAccounts lists the accounts for which the caller may see figures, by name.
	GetAccounts = byClients(entitiesGroup, http.MethodGet, "/api/accounts", "getAccounts", scoped(accountsInput.query, (*directory.Entities).Accounts))
	// GetFollowers returns the followers of each account over time: for each, the `total` of
	// /getAccountFollowers with this account alone.
	GetFollowers = byClients(entitiesGroup, http.MethodGet, "/api/accounts/followers", "getAccountsFollowers",
		figures[ComparedSeries]((*analytics.Analytics).FollowersByAccount))
	// GetAttention lists what needs attention at the agency and its clients: sign-ins, dashboards that
	// no one can open, and pages and profiles that are not read.
	GetAttention = route(entitiesGroup, http.MethodGet, "/api/attention", "getAttention", []Role{RoleAgency}, does(entities.attention))
	// GetUsers lists the users of the caller's accounts, by name. A client user sees the users on the
	// lists of their dashboards.
	GetUsers = byClients(entitiesGroup, http.MethodGet, "/api/users", "getUsers", scoped(usersInput.query, (*directory.Entities).Users))
	// GetUser returns a user.
	GetUser = byClients(entitiesGroup, http.MethodGet, "/api/users/{userId}", "getUsersByUserId", does(entities.user))
	// GetPlatforms lists the connected profiles and pages, each with its state, the reason for its
	// last failure and its last reading.
	GetPlatforms = byClients(entitiesGroup, http.MethodGet, "/api/platforms", "getPlatforms", scoped(PlatformsOf.query, (*directory.Entities).Platforms))
	// GetPlatform returns a connected profile or page.
	GetPlatform = byClients(entitiesGroup, http.MethodGet, "/api/platforms/{platformId}", "getPlatformsByPlatformId", does(entities.platform))
	// GetPicture returns a thumbnail of a post's picture. The service re-encodes the picture, at most
	// 320 pixels in each direction. The response is 404 if the platform provides no picture, or if the
	// URL of the picture expired before the service fetched it.
	GetPicture = byClients(entitiesGroup, http.MethodGet, "/api/activities/{activityId}/picture", "getActivitiesPicture", does(entities.picture).refusing(domain.CodeNotFound).sending([]string{headerETag}, mediaJPEG))
	// GetLogo returns the logo of the caller's agency. The response is 404 if the agency has none.
	GetLogo = byClients(entitiesGroup, http.MethodGet, "/api/logo", "getLogo", does(entities.logo).refusing(domain.CodeNotFound).sending([]string{headerETag}, mediaPNG, mediaJPEG))
	// GetStats returns followers, follower change, posts, engagement, engagement rate, impressions,
	// reach and demographics of each platform, by day, week or month.
	GetStats = byClients(entitiesGroup, http.MethodGet, "/api/stats", "getStats", figures[MembersStats]((*analytics.Analytics).Stats))
	// Lists the members of the caller's accounts, by name.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/members", "getMembers", scoped(membersInput.query, (*directory.Entities).Members))
	// Lists the categories of posts, by name.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/categories", "getCategories", scoped(categoriesInput.query, (*directory.Entities).Categories))
	// Lists the profiles and pages that a user's members have connected.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/users/{userId}/platforms", "getUsersPlatforms", does(entities.platformsOfUser))
	// Lists the posts of one connected profile or page, newest first.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/platforms/{platformId}/activities", "getPlatformsActivities", does(entities.activitiesOfPlatform))
	// Returns followers, follower change, posts, engagement, engagement rate, impressions, reach and
	// demographics of one connected profile or page, by day, week or month.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/platforms/{platformId}/stats", "getPlatformsStats", figuresOf(statsOfAccount))
	// Lists posts with their latest metrics, newest first, or the posts scheduled in the content
	// planner.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/activities", "getActivities", scoped(activitiesInput.query, (*analytics.Analytics).Activities))
	// Returns a post.
	_ = byClients(entitiesGroup, http.MethodGet, "/api/activities/{activityId}", "getActivitiesByActivityId", does(entities.activity))
	// Lists the metrics of one post at each reading, newest first.
	_ = byClients(
		entitiesGroup, http.MethodGet, "/api/activities/{activityId}/stats", "getActivitiesStats",
		scoped(readingsInput.query, (*analytics.Analytics).ActivityStats),
	)
)

// Parts of the inputs of lists.
type (
	// Search limits a list to names.
	Search struct {
		Search string `param:"q"` // Part of the name or email address, ignoring case in every script.
	}
	// Active limits a list by state.
	Active struct {
		Active *bool `param:"active"` // Only those that are active (true) or inactive (false).
	}
	// Owner limits a list of connections, or of their posts.
	Owner struct {
		OfPlatforms
		OfMember
	}
	// UserID is a user in the path.
	UserID struct {
		User HexID `param:"userId" example:"a11ce0000000000000000000" wrong:"is not a user id: use 24 hex digits"` // The user's id: 24 hex digits.
	}
	// Activity is an activity in the path.
	Activity struct {
		Activity ActivityID `param:"activityId" example:"70:104_77"` // The activity's id: <connected account>:<the platform's id of the post>.
	}
	// Everything is the scope of a list that no parameter limits.
	Everything struct{}
)

func (Everything) narrowing() readmodels.Narrowing { return readmodels.Narrowing{} }

type accountsInput struct {
	Page
	Search
	Active
	OfAccounts
}

func (a accountsInput) query(Caller) directory.AccountsQuery {
	return directory.AccountsQuery{Page: a.page(), Search: a.Search.Search, Active: a.Active.Active}
}

type membersInput struct {
	Page
	Search
	Active
	OfAccounts

	User HexID `param:"userId" example:"a11ce0000000000000000000"` // Only members of this user: 24 hex digits.
}

func (m membersInput) query(c Caller) directory.MembersQuery {
	return directory.MembersQuery{
		Page: m.page(), Search: m.Search.Search, Active: m.Active.Active, User: string(m.User), OfDashboards: isClient(c.Principal),
	}
}

type categoriesInput struct {
	Page
	Search
	Everything
}

func (c categoriesInput) query(Caller) directory.CategoriesQuery {
	return directory.CategoriesQuery{Page: c.page(), Search: c.Search.Search}
}

type usersInput struct {
	Page
	Search
	Active
	OfAccounts

	Role string `param:"role"` // Only users with this role, as named by the main application, ignoring case.
}

func (u usersInput) query(c Caller) directory.UsersQuery {
	return directory.UsersQuery{
		Page: u.page(), Search: u.Search.Search, Role: u.Role, Active: u.Active.Active, OfDashboards: isClient(c.Principal),
	}
}

// PlatformsOf selects connected profiles and pages.
type PlatformsOf struct {
	Page
	Owner
	OfAccounts

	Status domain.PageStatus `param:"status"` // Only connected accounts with this status.
}

func (p PlatformsOf) query(Caller) directory.PlatformsQuery {
	return directory.PlatformsQuery{
		Page: p.page(), Platforms: p.Platforms, Member: int64(p.Member), Status: p.Status,
	}
}

type activitiesInput struct {
	Page
	Owner
	Period Period
	OfAccounts
	PlatformID
	OfCategory

	Type string `param:"type"` // Only posts of this type: post, photo, video, reel, story, carousel or ad.
	// State of the activity: published, newest first; or scheduled, the posts that are scheduled in the
	// content planner and not yet published, next one first. A range applies to the time of
	// publication or the scheduled time.
	State analytics.ActivityState `param:"state" default:"published" example:"scheduled"`
}

func (a activitiesInput) query(Caller) analytics.ActivitiesQuery {
	q := analytics.ActivitiesQuery{
		Page: a.page(), Platforms: a.Platforms, Member: int64(a.Member), Social: int64(a.Platform), Category: int64(a.Category),
		Type: a.Type, State: a.State,
	}
	q.From, q.To = a.Period.optional()
	return q
}

type readingsInput struct {
	Activity
	Page
	Period Period
	Everything
}

func (r readingsInput) query(Caller) analytics.ReadingsQuery {
	q := analytics.ReadingsQuery{ID: string(r.Activity.Activity), Page: r.page()}
	q.From, q.To = r.Period.optional()
	return q
}

// scoped returns the operation of a list of what the caller may see.
func scoped[I interface{ narrowing() readmodels.Narrowing }, R *directory.Entities | *analytics.Analytics, Q, E any](
	query func(I, Caller) Q, list func(R, context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error),
) typed[I, List[E]] {
	return does(func(e entities, ctx context.Context, c Caller, in I) (page List[E], err error) {
		scope, err := e.authorizer.scope(ctx, c.Principal, in.narrowing())
		if err != nil {
			return page, err
		}
		rows, ok := any(e.deps.Entities).(R)
		if !ok {
			rows, _ = any(e.deps.Analytics).(R)
		}
		page.Data, page.Meta, err = list(rows, ctx, scope, query(in, c))
		return page, err
	})
}

func (e entities) user(ctx context.Context, c Caller, in UserID) (user directory.User, err error) {
	scope, err := e.authorizer.scope(ctx, c.Principal, readmodels.Narrowing{})
	if err != nil {
		return user, err
	}
	return e.deps.Entities.User(ctx, scope, directory.UsersQuery{OfDashboards: isClient(c.Principal)}, string(in.User))
}

type platformsOfUserInput struct {
	UserID
	PlatformsOf
}

func (e entities) platformsOfUser(
	ctx context.Context, c Caller, in platformsOfUserInput,
) (page List[directory.ConnectedPlatform], err error) {
	scope, err := e.authorizer.scope(ctx, c.Principal, in.narrowing())
	if err != nil {
		return page, err
	}
	q := in.query(c)
	q.User = string(in.User)
	if _, err := e.deps.Entities.User(ctx, scope, directory.UsersQuery{OfDashboards: isClient(c.Principal)}, q.User); err != nil {
		return page, err
	}
	page.Data, page.Meta, err = e.deps.Entities.Platforms(ctx, scope, q)
	return page, err
}

func (e entities) platform(ctx context.Context, c Caller, in PlatformID) (platform directory.ConnectedPlatform, err error) {
	scope, err := e.authorizer.scope(ctx, c.Principal, readmodels.Narrowing{})
	if err != nil {
		return platform, err
	}
	return e.deps.Entities.Platform(ctx, scope, int64(in.Platform))
}

func (e entities) activitiesOfPlatform(
	ctx context.Context, c Caller, in activitiesInput,
) (page List[analytics.PostActivity], err error) {
	scope, err := e.authorizer.scope(ctx, c.Principal, in.narrowing())
	if err != nil {
		return page, err
	}
	if _, err := e.deps.Entities.Platform(ctx, scope, int64(in.Platform)); err != nil {
		return page, err
	}
	page.Data, page.Meta, err = e.deps.Analytics.Activities(ctx, scope, in.query(c))
	return page, err
}

func statsOfAccount(
	s *Server, ctx context.Context, scope readmodels.Scope, in PlatformStats,
) (account analytics.StatsOfAccount, meta analytics.Meta, err error) {
	q := queryOf(in)
	p, err := s.deps.Entities.Platform(ctx, scope, q.Social)
	if err != nil {
		return account, meta, err
	}
	q.Platforms = []domain.Platform{p.Platform}
	stats, meta, err := s.deps.Analytics.Stats(ctx, scope, q)
	if err != nil {
		return account, meta, err
	}
	return analytics.StatsOfAccount{
		PlatformRef: p.PlatformRef, SocialAccount: p.ID, AccountID: p.AccountID, MemberID: p.MemberID, UserID: p.UserID,
		StatsPeriods: stats.Platforms[0].StatsPeriods,
	}, meta, nil
}

func isClient(p Principal) bool { return !p.Roles.Has(RoleAgency) }

// none is an input without members.
type none struct{}

func (e entities) me(ctx context.Context, c Caller, _ none) (me directory.Me, err error) {
	request := directory.MeRequest{
		User: c.UserID, Account: c.AccountID,
		Client: c.Roles.Has(RoleClient) && !c.Roles.Has(RoleAgency), // an auditor may also be a client user
	}
	if c.AccountID != "" {
		if request.Parent, err = e.authorizer.parentOf(ctx, c.Principal); err != nil {
			return me, err
		}
	}
	me, err = e.deps.Entities.Me(ctx, request)
	me.Roles = texts(c.Roles)
	if !c.ExpiresAt.IsZero() {
		me.ExpiresAt = new(c.ExpiresAt.UTC())
	}
	me.Opens.AllDashboards = c.Roles.Has(RoleAgency, RoleAuditor)
	me.Opens.ChangesDashboards = c.Roles.Has(RoleAgency)
	me.Opens.Figures = me.Opens.Figures || c.Roles.Has(RoleAgency)
	me.Opens.Audit = e.deps.Audit != nil && c.Roles.Has(RoleAgency, RoleAuditor)
	me.Opens.Operators = e.deps.Operators != nil && c.Roles.Has(RoleOperator)
	return me, err
}

type dashboardsInput struct {
	Page
	Search

	Exists *bool `param:"exists"` // Only clients with (true) or without (false) a dashboard.
}

// dashboards lists the clients of the agency with summaries of their dashboards. Agency staff and
// auditors see all of them, and a client user sees only the dashboards that they may open.
func (e entities) dashboards(
	ctx context.Context, c Caller, in dashboardsInput,
) (page List[directory.DashboardSummary], err error) {
	parent, err := e.authorizer.parentOf(ctx, c.Principal)
	if err != nil {
		return page, err
	}
	q := directory.DashboardsQuery{Page: in.page(), Search: in.Search.Search, Exists: in.Exists}
	if !c.Roles.Has(RoleAgency, RoleAuditor) {
		q.ClientAccount, q.ClientUser = c.AccountID, c.UserID
	}
	page.Data, page.Meta, err = e.deps.Entities.Dashboards(ctx, readmodels.Scope{ParentAccount: parent}, q)
	return page, err
}

func (e entities) attention(ctx context.Context, c Caller, _ none) ([]directory.Concern, error) {
	parent, err := e.authorizer.parentOf(ctx, c.Principal)
	if err != nil {
		return nil, err
	}
	return e.deps.Entities.Attention(ctx, parent)
}

func (e entities) activity(ctx context.Context, c Caller, in Activity) (post analytics.PostActivity, err error) {
	scope, err := e.authorizer.scope(ctx, c.Principal, readmodels.Narrowing{})
	if err != nil {
		return post, err
	}
	return e.deps.Analytics.Activity(ctx, scope, string(in.Activity))
}

func (e entities) logo(ctx context.Context, c Caller, _ none) (File, error) {
	parent, err := e.authorizer.parentOf(ctx, c.Principal)
	if err != nil {
		return File{}, err
	}
	mediaType, picture, err := e.deps.Entities.Logo(ctx, parent)
	return File{Type: mediaType, Body: picture}, err
}

// The types of pictures. Those of posts are JPEG, because the service re-encodes them.
const (
	mediaJPEG = "image/jpeg"
	mediaPNG  = "image/png"
)

var errNoPicture = domain.NewError(domain.CodeNotFound, "This post has no picture. Show a placeholder instead.")

// picture returns the picture of a post to callers who may see the post. A post with erased texts has
// no picture, even if one is stored.
func (e entities) picture(ctx context.Context, c Caller, in Activity) (file File, err error) {
	scope, err := e.authorizer.scope(ctx, c.Principal, readmodels.Narrowing{})
	if err != nil {
		return file, err
	}
	post, err := e.deps.Analytics.Activity(ctx, scope, string(in.Activity))
	if err != nil {
		return file, err
	}
	if post.MediaURL == nil || e.deps.Picture == nil {
		return file, errNoPicture
	}
	ref := domain.PostRef{
		ParentAccount: scope.ParentAccount, SocialAccount: post.SocialAccount, ExternalID: string(post.ExternalID),
	}
	picture, err := e.deps.Picture(ctx, ref)
	return File{Type: mediaJPEG, Body: picture}, err
}
