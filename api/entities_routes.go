package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// entityRoutes are the rows of the four entities in the route table.
func (s *Server) entityRoutes() []route {
	entities, figures := s.deps.Entities, s.deps.Analytics
	if entities == nil {
		return nil
	}
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) route { return route{http.MethodGet, pattern, id, readers, op} }
	return []route{
		get("/api/users", "getUsers", entityList(s, usersQuery,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.UsersQuery) ([]readmodels.User, readmodels.ListMeta, error) {
				q.OfDashboards = s.isClient(ctx)
				return entities.Users(ctx, scope, q)
			})),
		get("/api/users/{userId}", "getUsersByUserId", entityOne(s, oneUserQuery,
			func(ctx context.Context, scope readmodels.Scope, id string) (readmodels.User, error) {
				return entities.User(ctx, scope, readmodels.UsersQuery{OfDashboards: s.isClient(ctx)}, id)
			})),
		get("/api/platforms", "getPlatforms", entityList(s, platformsQuery, entities.Platforms)),
		get("/api/platforms/{platformId}", "getPlatformsByPlatformId", entityOne(s, onePlatformQuery, entities.Platform)),
		get("/api/activities", "getActivities", entityList(s, activitiesQuery, figures.Activities)),
		get("/api/activities/{activityId}", "getActivitiesByActivityId", entityOne(s, oneActivityQuery, figures.Activity)),
		get("/api/stats", "getStats", endpoint(s, seriesParams, figures.Stats)),
	}
}

// isClient tells whether the caller has no more than a client user's rights.
func (s *Server) isClient(ctx context.Context) bool {
	p, _ := PrincipalFrom(ctx)
	return !p.Roles.Has(RoleAgency)
}

// entityList answers a page of a list.
func entityList[Q, E any](
	s *Server, q reading[Q], query func(context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error),
) operation {
	serve := entityAnswer(s, func(p *Params) (Q, readmodels.AccountRef) { return q.parse(p), p.Account(paramAccount) },
		func(ctx context.Context, scope readmodels.Scope, asked Q) (data, meta any, err error) {
			return query(ctx, scope, asked)
		})
	return s.taking(serve, with(q.takes, paramAccount)...).answering(reflect.TypeFor[[]E](), reflect.TypeFor[readmodels.ListMeta]())
}

// entityOne answers an entity by its id.
func entityOne[I, E any](s *Server, id reading[I], query func(context.Context, readmodels.Scope, I) (E, error)) operation {
	serve := entityAnswer(s, func(p *Params) (I, readmodels.AccountRef) { return id.parse(p), readmodels.AccountRef{} },
		func(ctx context.Context, scope readmodels.Scope, asked I) (data, meta any, err error) {
			data, err = query(ctx, scope, asked)
			return data, nil, err
		})
	return s.taking(serve, id.takes...).answering(reflect.TypeFor[E](), nil)
}

// entityAnswer is the one shape of the entities: parse, find out whose they are, query, envelope.
func entityAnswer[Q any](
	s *Server, read func(*Params) (Q, readmodels.AccountRef),
	query func(context.Context, readmodels.Scope, Q) (data, meta any, err error),
) paramsFunc {
	return func(w http.ResponseWriter, r *http.Request, params *Params) error {
		q, narrow := read(params)
		params.refuseUnread(s.entityParams)
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
