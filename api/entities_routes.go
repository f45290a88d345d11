package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Entities is the queries behind the four entities of the data model. readmodels.Entities implements it.
// What lies outside of scope does not exist for them: not_found.
type Entities interface {
	Users(ctx context.Context, scope readmodels.Scope, query readmodels.UsersQuery) ([]readmodels.User, readmodels.ListMeta, error)
	User(ctx context.Context, scope readmodels.Scope, query readmodels.UsersQuery, id string) (readmodels.User, error)
	Platforms(ctx context.Context, scope readmodels.Scope, query readmodels.PlatformsQuery) ([]readmodels.ConnectedPlatform, readmodels.ListMeta, error)
	Platform(ctx context.Context, scope readmodels.Scope, id int64) (readmodels.ConnectedPlatform, error)
	Activities(ctx context.Context, scope readmodels.Scope, query readmodels.ActivitiesQuery) ([]readmodels.PostActivity, readmodels.ListMeta, error)
	Activity(ctx context.Context, scope readmodels.Scope, id string) (readmodels.PostActivity, error)
	// Stats are the figures of each platform, by day, week or month.
	Stats(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.PlatformStats, readmodels.Meta, error)
}

// entityRoutes are the rows of the four entities in the route table.
func (s *Server) entityRoutes() []route {
	entities := s.deps.Entities
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
		get("/api/activities", "getActivities", entityList(s, activitiesQuery, entities.Activities)),
		get("/api/activities/{activityId}", "getActivitiesByActivityId", entityOne(s, oneActivityQuery, entities.Activity)),
		get("/api/stats", "getStats", endpoint(s, seriesQuery, entities.Stats)),
	}
}

// isClient tells whether the caller has no more than a client user's rights.
func (s *Server) isClient(ctx context.Context) bool {
	p, _ := PrincipalFrom(ctx)
	return !p.Roles.Has(RoleAgency)
}

// entityEnvelope is the shape of a page of a list: as any other answer, with a meta of its own.
type entityEnvelope struct {
	Success bool                 `json:"success"`
	Message string               `json:"message"`
	Data    any                  `json:"data"`
	Meta    *readmodels.ListMeta `json:"meta,omitempty"`
}

func (s *Server) writeEntities(w http.ResponseWriter, data any, meta *readmodels.ListMeta) error {
	s.writeJSON(w, mediaJSON+"; charset=utf-8", http.StatusOK, entityEnvelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	return nil
}

// entityList is the one shape of a list: parse, find out whose entities, query, envelope.
func entityList[Q, E any](
	s *Server, q reading[Q], query func(context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error),
) operation {
	return s.taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		asked, narrow := q.parse(params), params.Account(paramAccount)
		params.refuseUnread(s.entityParams)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := s.scope(r.Context(), narrow)
		if err != nil {
			return err
		}
		entries, meta, err := query(r.Context(), scope, asked)
		if err != nil {
			return err
		}
		return s.writeEntities(w, entries, &meta)
	}, append(slices.Clone(q.takes), paramAccount)...).answering(reflect.TypeFor[[]E](), reflect.TypeFor[readmodels.ListMeta]())
}

// entityOne is the one shape of an entity by its id.
func entityOne[I, E any](s *Server, id reading[I], query func(context.Context, readmodels.Scope, I) (E, error)) operation {
	return s.taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		asked := id.parse(params)
		params.refuseUnread(s.entityParams)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := s.scope(r.Context(), readmodels.AccountRef{})
		if err != nil {
			return err
		}
		entity, err := query(r.Context(), scope, asked)
		if err != nil {
			return err
		}
		return s.writeEntities(w, entity, nil)
	}, id.takes...).answering(reflect.TypeFor[E](), nil)
}
