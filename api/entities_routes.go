package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// entityRoutes are the rows of the four entities in the route table.
func (s *Server) entityRoutes() []Operation {
	entities, figures := s.deps.Entities, s.deps.Analytics
	if entities == nil {
		return nil
	}
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) Operation {
		return Operation{http.MethodGet, pattern, id, readers, op}
	}
	everybody := []Role{RoleAgency, RoleClient, RoleAuditor, RoleOperator}
	return []Operation{
		{http.MethodGet, "/api/me", "getMe", everybody, answering(nothing, s.me)},
		{http.MethodGet, "/api/dashboards", "getDashboards", []Role{RoleAgency, RoleClient, RoleAuditor}, listing(parseDashboards, s.dashboards)},
		get("/api/accounts", "getAccounts", narrowed(s, parseAccounts, entities.Accounts)),
		get("/api/members", "getMembers", narrowed(s, parseMembers,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.MembersQuery) ([]readmodels.Member, readmodels.ListMeta, error) {
				q.OfDashboards = isClient(ctx)
				return entities.Members(ctx, scope, q)
			})),
		get("/api/categories", "getCategories", scoped(s, parseCategories, entities.Categories)),
		get("/api/users", "getUsers", narrowed(s, parseUsers,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.UsersQuery) ([]readmodels.User, readmodels.ListMeta, error) {
				q.OfDashboards = isClient(ctx)
				return entities.Users(ctx, scope, q)
			})),
		get("/api/users/{userId}", "getUsersByUserId", one(s, parseUserID,
			func(ctx context.Context, scope readmodels.Scope, id string) (readmodels.User, error) {
				return entities.User(ctx, scope, readmodels.UsersQuery{OfDashboards: isClient(ctx)}, id)
			})),
		get("/api/users/{userId}/platforms", "getUsersPlatforms", narrowed(s, parsePlatformsOfUser,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.PlatformsQuery) (
				[]readmodels.ConnectedPlatform, readmodels.ListMeta, error,
			) {
				if _, err := entities.User(ctx, scope, readmodels.UsersQuery{OfDashboards: isClient(ctx)}, q.User); err != nil {
					return nil, readmodels.ListMeta{}, err
				}
				return entities.Platforms(ctx, scope, q)
			})),
		get("/api/platforms", "getPlatforms", narrowed(s, parsePlatforms, entities.Platforms)),
		get("/api/platforms/{platformId}", "getPlatformsByPlatformId", one(s, idOf(paramPlatformID), entities.Platform)),
		get("/api/platforms/{platformId}/activities", "getPlatformsActivities", narrowed(s, parseActivitiesOfPlatform,
			func(ctx context.Context, scope readmodels.Scope, q analytics.ActivitiesQuery) ([]analytics.PostActivity, readmodels.ListMeta, error) {
				if _, err := entities.Platform(ctx, scope, q.Social); err != nil {
					return nil, readmodels.ListMeta{}, err
				}
				return figures.Activities(ctx, scope, q)
			})),
		get("/api/platforms/{platformId}/stats", "getPlatformsStats", endpoint(s, onePlatformParams, s.statsOfAccount)),
		get("/api/activities", "getActivities", narrowed(s, parseActivities, figures.Activities)),
		get("/api/activities/{activityId}", "getActivitiesByActivityId", one(s, parseActivityID, figures.Activity)),
		get("/api/activities/{activityId}/picture", "getActivitiesPicture", reading(parseActivityID, s.getPicture)),
		get("/api/activities/{activityId}/stats", "getActivitiesStats", scoped(s, parseReadings, figures.ActivityStats)),
		get("/api/stats", "getStats", endpoint(s, with(comparedSeries, paramOwner), figures.Stats)),
	}
}

// statsOfAccount answers the figures of one connected platform, or not_found.
func (s *Server) statsOfAccount(
	ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery,
) (of analytics.StatsOfAccount, meta analytics.Meta, err error) {
	p, err := s.deps.Entities.Platform(ctx, scope, q.Social)
	if err != nil {
		return of, meta, err
	}
	q.Platforms = []domain.Platform{p.Platform}
	stats, meta, err := s.deps.Analytics.Stats(ctx, scope, q)
	if err != nil {
		return of, meta, err
	}
	return analytics.StatsOfAccount{
		PlatformRef: p.PlatformRef, SocialAccount: p.ID, AccountID: p.AccountID, MemberID: p.MemberID, UserID: p.UserID,
		StatsPeriods: stats.Platforms[0].StatsPeriods,
	}, meta, nil
}

// isClient tells whether the caller has no more than a client user's rights.
func isClient(ctx context.Context) bool {
	p, _ := PrincipalFrom(ctx)
	return !p.Roles.Has(RoleAgency)
}

// listFunc reads a page of a list.
type listFunc[Q, E any] func(context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error)

// scoped answers a page of what a caller may see.
func scoped[Q, E any](s *Server, parse func(*Params) Q, query listFunc[Q, E]) operation {
	return listed(s, parse, func(*Params) []readmodels.AccountRef { return nil }, query)
}

// narrowed answers the same of a list that ?account= narrows.
func narrowed[Q, E any](s *Server, parse func(*Params) Q, query listFunc[Q, E]) operation {
	return listed(s, parse, func(p *Params) []readmodels.AccountRef { return p.Accounts(paramAccount) }, query)
}

func listed[Q, E any](s *Server, parse func(*Params) Q, accounts func(*Params) []readmodels.AccountRef, query listFunc[Q, E]) operation {
	type asked struct {
		query    Q
		accounts []readmodels.AccountRef
	}
	return listing(func(p *Params) asked { return asked{parse(p), accounts(p)} },
		func(r *http.Request, q asked) (entries []E, meta readmodels.ListMeta, err error) {
			scope, err := s.scope(r.Context(), readmodels.Narrowing{Accounts: q.accounts})
			if err != nil {
				return nil, meta, err
			}
			return query(r.Context(), scope, q.query)
		})
}

// one answers an entity by its id.
func one[I, E any](s *Server, parse func(*Params) I, query func(context.Context, readmodels.Scope, I) (E, error)) operation {
	return answering(parse, func(r *http.Request, id I) (entity E, err error) {
		scope, err := s.scope(r.Context(), readmodels.Narrowing{})
		if err != nil {
			return entity, err
		}
		return query(r.Context(), scope, id)
	})
}
