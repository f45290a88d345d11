package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// entityRoutes are the rows of the four entities in the route table.
func (s *Server) entityRoutes() []route {
	entities, figures := s.deps.Entities, s.deps.Analytics
	if entities == nil {
		return nil
	}
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) route { return route{http.MethodGet, pattern, id, readers, op} }
	everybody := []Role{RoleAgency, RoleClient, RoleAuditor, RoleOperator}
	return []route{
		{http.MethodGet, "/api/me", "getMe", everybody, s.getMe()},
		{http.MethodGet, "/api/dashboards", "getDashboards", []Role{RoleAgency, RoleClient, RoleAuditor}, s.getDashboards()},
		get("/api/accounts", "getAccounts", entityList(s, accountsQuery, entities.Accounts)),
		get("/api/members", "getMembers", entityList(s, membersQuery,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.MembersQuery) ([]readmodels.Member, readmodels.ListMeta, error) {
				q.OfDashboards = s.isClient(ctx)
				return entities.Members(ctx, scope, q)
			})),
		get("/api/categories", "getCategories", entityPage(s, categoriesQuery, entities.Categories)),
		get("/api/users", "getUsers", entityList(s, usersQuery,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.UsersQuery) ([]readmodels.User, readmodels.ListMeta, error) {
				q.OfDashboards = s.isClient(ctx)
				return entities.Users(ctx, scope, q)
			})),
		get("/api/users/{userId}", "getUsersByUserId", entityOne(s, oneUserQuery,
			func(ctx context.Context, scope readmodels.Scope, id string) (readmodels.User, error) {
				return entities.User(ctx, scope, readmodels.UsersQuery{OfDashboards: s.isClient(ctx)}, id)
			})),
		get("/api/users/{userId}/platforms", "getUsersPlatforms", entityList(s, userPlatformsQuery,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.PlatformsQuery) (
				[]readmodels.ConnectedPlatform, readmodels.ListMeta, error,
			) {
				if _, err := entities.User(ctx, scope, readmodels.UsersQuery{OfDashboards: s.isClient(ctx)}, q.User); err != nil {
					return nil, readmodels.ListMeta{}, err
				}
				return entities.Platforms(ctx, scope, q)
			})),
		get("/api/platforms", "getPlatforms", entityList(s, platformsQuery, entities.Platforms)),
		get("/api/platforms/{platformId}", "getPlatformsByPlatformId", entityOne(s, onePlatformQuery, entities.Platform)),
		get("/api/platforms/{platformId}/activities", "getPlatformsActivities", entityList(s, platformActivitiesQuery,
			func(ctx context.Context, scope readmodels.Scope, q analytics.ActivitiesQuery) ([]analytics.PostActivity, readmodels.ListMeta, error) {
				if _, err := entities.Platform(ctx, scope, q.Social); err != nil {
					return nil, readmodels.ListMeta{}, err
				}
				return figures.Activities(ctx, scope, q)
			})),
		get("/api/platforms/{platformId}/stats", "getPlatformsStats", endpoint(s, onePlatformParams, s.statsOfAccount)),
		get("/api/activities", "getActivities", entityList(s, activitiesQuery, figures.Activities)),
		get("/api/activities/{activityId}", "getActivitiesByActivityId", entityOne(s, oneActivityQuery, figures.Activity)),
		get("/api/activities/{activityId}/picture", "getActivitiesPicture", taking(s.getPicture, paramActivityID)),
		get("/api/activities/{activityId}/stats", "getActivitiesStats", entityPage(s, activityStatsQuery, figures.ActivityStats)),
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
func (s *Server) isClient(ctx context.Context) bool {
	p, _ := PrincipalFrom(ctx)
	return !p.Roles.Has(RoleAgency)
}

// entityList answers a page of a list that ?account= narrows.
func entityList[Q, E any](s *Server, q reading[Q], query listFunc[Q, E]) operation {
	return listOf(s, q, (*Params).narrowing, query, with(q.takes, paramAccount)...)
}

// entityPage answers a page of a list that no account narrows.
func entityPage[Q, E any](s *Server, q reading[Q], query listFunc[Q, E]) operation {
	return listOf(s, q, func(*Params) readmodels.Narrowing { return readmodels.Narrowing{} }, query, q.takes...)
}

// listFunc reads a page of a list.
type listFunc[Q, E any] func(context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error)

func listOf[Q, E any](
	s *Server, q reading[Q], narrow func(*Params) readmodels.Narrowing, query listFunc[Q, E], takes ...Param,
) operation {
	serve := entityAnswer(s, func(p *Params) (Q, readmodels.Narrowing) { return q.parse(p), narrow(p) },
		func(ctx context.Context, scope readmodels.Scope, asked Q) (data, meta any, err error) {
			return query(ctx, scope, asked)
		})
	return taking(serve, takes...).answering(reflect.TypeFor[[]E](), reflect.TypeFor[readmodels.ListMeta]())
}

// entityOne answers an entity by its id.
func entityOne[I, E any](s *Server, id reading[I], query func(context.Context, readmodels.Scope, I) (E, error)) operation {
	serve := entityAnswer(s, func(p *Params) (I, readmodels.Narrowing) { return id.parse(p), readmodels.Narrowing{} },
		func(ctx context.Context, scope readmodels.Scope, asked I) (data, meta any, err error) {
			data, err = query(ctx, scope, asked)
			return data, nil, err
		})
	return taking(serve, id.takes...).answering(reflect.TypeFor[E](), nil)
}

// entityAnswer is the one shape of the entities: parse, find out whose they are, query, envelope.
func entityAnswer[Q any](
	s *Server, read func(*Params) (Q, readmodels.Narrowing),
	query func(context.Context, readmodels.Scope, Q) (data, meta any, err error),
) paramsFunc {
	return func(w http.ResponseWriter, r *http.Request, params *Params) error {
		q, narrow := read(params)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := s.scope(r.Context(), narrow)
		if err != nil {
			return err
		}
		data, meta, err := query(r.Context(), scope, q)
		if err != nil {
			return err
		}
		return s.writeData(w, data, meta)
	}
}
