package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type entities struct {
	deps       Deps
	authorizer *authorizer
}

func (e *entities) routes() []Operation {
	door, rows := e.authorizer, e.deps.Entities
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) Operation {
		return Operation{http.MethodGet, pattern, id, readers, op}
	}
	allUsers := []Role{RoleAgency, RoleClient, RoleAuditor, RoleOperator}
	user := func(ctx context.Context, scope readmodels.Scope, id string) (directory.User, error) {
		p, _ := PrincipalFrom(ctx)
		return rows.User(ctx, scope, directory.UsersQuery{OfDashboards: isClient(p)}, id)
	}
	return []Operation{
		{http.MethodGet, "/api/me", "getMe", allUsers, answering(nothing, e.me)},
		{
			http.MethodGet, "/api/dashboards", "getDashboards",
			[]Role{RoleAgency, RoleClient, RoleAuditor},
			listing(parseDashboards, e.dashboards),
		},
		get("/api/accounts", "getAccounts", scoped(door, parseAccounts, rows.Accounts, paramAccount)),
		get("/api/members", "getMembers", scoped(door, parseMembers, rows.Members, paramAccount)),
		get("/api/categories", "getCategories", scoped(door, parseCategories, rows.Categories)),
		get("/api/users", "getUsers", scoped(door, parseUsers, rows.Users, paramAccount)),
		get("/api/users/{userId}", "getUsersByUserId", one(door, parseUserID, user)),
		get("/api/users/{userId}/platforms", "getUsersPlatforms", scoped(door, parsePlatformsOfUser,
			func(ctx context.Context, scope readmodels.Scope, q directory.PlatformsQuery) (
				list []directory.ConnectedPlatform, meta readmodels.ListMeta, err error,
			) {
				if _, err := user(ctx, scope, q.User); err != nil {
					return nil, meta, err
				}
				return rows.Platforms(ctx, scope, q)
			}, paramAccount)),
		get("/api/platforms", "getPlatforms", scoped(door, parsePlatforms, rows.Platforms, paramAccount)),
		get("/api/platforms/{platformId}", "getPlatformsByPlatformId", one(door, idOf(paramPlatformID), rows.Platform)),
		get("/api/platforms/{platformId}/activities", "getPlatformsActivities", scoped(door, parseActivities,
			func(ctx context.Context, scope readmodels.Scope, q analytics.ActivitiesQuery) (
				list []analytics.PostActivity, meta readmodels.ListMeta, err error,
			) {
				if _, err := rows.Platform(ctx, scope, q.Social); err != nil {
					return nil, meta, err
				}
				return e.deps.Analytics.Activities(ctx, scope, q)
			}, paramAccount)),
		get(
			"/api/platforms/{platformId}/stats", "getPlatformsStats",
			figuresOf(statsOfAccount),
		),
		get("/api/activities", "getActivities", scoped(door, parseActivities, e.deps.Analytics.Activities, paramAccount)),
		get("/api/activities/{activityId}", "getActivitiesByActivityId", one(door, parseActivityID, e.deps.Analytics.Activity)),
		get("/api/activities/{activityId}/picture", "getActivitiesPicture", reading(parseActivityID, e.getPicture)),
		get(
			"/api/activities/{activityId}/stats", "getActivitiesStats",
			scoped(door, parseReadings, e.deps.Analytics.ActivityStats),
		),
		get("/api/stats", "getStats", figures[MembersStats]((*analytics.Analytics).Stats)),
	}
}

func statsOfAccount(
	s *Server, ctx context.Context, scope readmodels.Scope, in PlatformStats,
) (account analytics.StatsOfAccount, meta analytics.Meta, err error) {
	q := in.query()
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

func principalOf(r *http.Request) Principal {
	p, _ := PrincipalFrom(r.Context())
	return p
}

func isClient(p Principal) bool { return !p.Roles.Has(RoleAgency) }

// scoped returns an operation that lists what the caller may see. The parameter accounts, if given,
// limits the list.
func scoped[Q, E any](
	door *authorizer, parse func(*Params) Q,
	query func(context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error),
	accounts ...Param,
) operation {
	type request struct {
		query  Q
		narrow readmodels.Narrowing
	}
	parseBoth := func(p *Params) request {
		q := request{query: parse(p)}
		for _, declared := range accounts {
			q.narrow.Accounts = p.Accounts(declared)
		}
		return q
	}
	return listing(parseBoth, func(r *http.Request, q request) (entries []E, meta readmodels.ListMeta, err error) {
		scope, err := door.scope(r.Context(), principalOf(r), q.narrow)
		if err != nil {
			return nil, meta, err
		}
		return query(r.Context(), scope, q.query)
	})
}

func one[I, E any](
	door *authorizer, parse func(*Params) I, query func(context.Context, readmodels.Scope, I) (E, error),
) operation {
	return answering(parse, func(r *http.Request, id I) (entity E, err error) {
		scope, err := door.scope(r.Context(), principalOf(r), readmodels.Narrowing{})
		if err != nil {
			return entity, err
		}
		return query(r.Context(), scope, id)
	})
}

func (e *entities) me(r *http.Request, _ none) (directory.Me, error) {
	p, _ := PrincipalFrom(r.Context())
	request := directory.MeRequest{
		User: p.UserID, Account: p.AccountID,
		Client: p.Roles.Has(RoleClient) && !p.Roles.Has(RoleAgency), // an auditor may also be a client user
	}
	var err error
	if p.AccountID != "" {
		if request.Parent, err = e.authorizer.parentOf(r.Context(), p); err != nil {
			return directory.Me{}, err
		}
	}
	me, err := e.deps.Entities.Me(r.Context(), request)
	me.Roles = texts(p.Roles)
	if !p.ExpiresAt.IsZero() {
		me.ExpiresAt = new(p.ExpiresAt.UTC())
	}
	me.Opens.AllDashboards = p.Roles.Has(RoleAgency, RoleAuditor)
	me.Opens.ChangesDashboards = p.Roles.Has(RoleAgency)
	me.Opens.Figures = me.Opens.Figures || p.Roles.Has(RoleAgency)
	me.Opens.Audit = e.deps.Audit != nil && p.Roles.Has(RoleAgency, RoleAuditor)
	me.Opens.Operators = e.deps.Operators != nil && p.Roles.Has(RoleOperator)
	return me, err
}

// dashboards lists the clients of the agency with summaries of their dashboards. Agency staff and
// auditors see all of them, and a client user sees only the dashboards that they may open.
func (e *entities) dashboards(
	r *http.Request, q directory.DashboardsQuery,
) (list []directory.DashboardSummary, meta readmodels.ListMeta, err error) {
	p, _ := PrincipalFrom(r.Context())
	parent, err := e.authorizer.parentOf(r.Context(), p)
	if err != nil {
		return nil, meta, err
	}
	if !p.Roles.Has(RoleAgency, RoleAuditor) {
		q.ClientAccount, q.ClientUser = p.AccountID, p.UserID
	}
	return e.deps.Entities.Dashboards(r.Context(), readmodels.Scope{ParentAccount: parent}, q)
}

// mediaJPEG is the type of all pictures; the service re-encodes them.
const mediaJPEG = "image/jpeg"

var errNoPicture = domain.NewError(domain.CodeNotFound, "This post has no picture. Show a placeholder instead.")

// getPicture returns the picture of a post to callers who may see the post. A post with erased
// texts has no picture, even if one is stored.
func (e *entities) getPicture(w http.ResponseWriter, r *http.Request, id string) error {
	scope, err := e.authorizer.scope(r.Context(), principalOf(r), readmodels.Narrowing{})
	if err != nil {
		return err
	}
	post, err := e.deps.Analytics.Activity(r.Context(), scope, id)
	if err != nil {
		return err
	}
	if post.MediaURL == nil || e.deps.Picture == nil {
		return errNoPicture
	}
	ref := domain.PostRef{
		ParentAccount: scope.ParentAccount, SocialAccount: post.SocialAccount, ExternalID: string(post.ExternalID),
	}
	picture, err := e.deps.Picture(r.Context(), ref)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaJPEG)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeTagged(w, r, picture)
	return nil
}
