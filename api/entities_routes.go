package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

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
	get := func(pattern string, op operation) route { return route{http.MethodGet, pattern, readers, op} }
	stats := endpoint(s, parseSeries, figures.Stats)
	stats.about.tag = tagEntities
	stats.about.summary = "Followers, their change, posts, engagement, impressions, reach and demographics of each platform, by day, week or month."
	return []route{
		get("/api/users", entityList(s, "The users of the caller's accounts, by name. A client user sees those whom its dashboards list.", s.parseUsers,
			func(ctx context.Context, scope readmodels.Scope, q readmodels.UsersQuery) ([]readmodels.User, readmodels.ListMeta, error) {
				q.OfDashboards = s.isClient(ctx)
				return entities.Users(ctx, scope, q)
			})),
		get("/api/users/{userId}", entityOne(s, "One user.", parseUserID,
			func(ctx context.Context, scope readmodels.Scope, id string) (readmodels.User, error) {
				return entities.User(ctx, scope, readmodels.UsersQuery{OfDashboards: s.isClient(ctx)}, id)
			})),
		get("/api/platforms", entityList(s, "The profiles and pages that are connected, with their state, the reason of the last failure and the last reading.",
			parsePlatforms, entities.Platforms)),
		get("/api/platforms/{platformId}", entityOne(s, "One connected profile or page.", parsePlatformID, entities.Platform)),
		get("/api/activities", entityList(s, "Posts with their latest figures, newest first.", parseActivities, figures.Activities)),
		get("/api/activities/{activityId}", entityOne(s, "One post.", parseActivityID, figures.Activity)),
		get("/api/stats", stats),
	}
}

// isClient tells whether the caller has no more than a client user's rights.
func (s *Server) isClient(ctx context.Context) bool {
	p, _ := PrincipalFrom(ctx)
	return !p.Roles.Has(RoleAgency)
}

// entityList answers a page of a list.
func entityList[Q, E any](
	s *Server, summary string, parse func(*Params) Q, query func(context.Context, readmodels.Scope, Q) ([]E, readmodels.ListMeta, error),
) operation {
	read := func(p *Params) (Q, readmodels.AccountRef) { return parse(p), p.Account("account") }
	return entityAnswer(s, summary, read, enveloped(reflect.TypeFor[[]E](), reflect.TypeFor[readmodels.ListMeta]()),
		func(ctx context.Context, scope readmodels.Scope, q Q) (data, meta any, err error) {
			return query(ctx, scope, q)
		})
}

// entityOne answers an entity by its id.
func entityOne[I, E any](
	s *Server, summary string, parse func(*Params) I, query func(context.Context, readmodels.Scope, I) (E, error),
) operation {
	read := func(p *Params) (I, readmodels.AccountRef) { return parse(p), readmodels.AccountRef{} }
	return entityAnswer(s, summary, read, enveloped(reflect.TypeFor[E](), nil),
		func(ctx context.Context, scope readmodels.Scope, id I) (data, meta any, err error) {
			data, err = query(ctx, scope, id)
			return data, nil, err
		})
}

// entityAnswer is the one shape of the entities: parse, find out whose they are, query, envelope.
func entityAnswer[Q any](
	s *Server, summary string, read func(*Params) (Q, readmodels.AccountRef), shape reflect.Type,
	query func(context.Context, readmodels.Scope, Q) (data, meta any, err error),
) operation {
	serve := func(w http.ResponseWriter, r *http.Request) error {
		params := requestParams(r, s.deps.Now())
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
	return described(serve, about{summary: summary, tag: tagEntities, parse: func(p *Params) { read(p) }, answers: answersJSON(shape)})
}

func (s *Server) parseUsers(p *Params) readmodels.UsersQuery {
	return readmodels.UsersQuery{
		Page: p.Page(), Search: p.text("q", "Part of the name or e-mail address, whatever its case."),
		Role: p.text("role", "Role, as the main application names it."), Active: p.optionalBool("active", "Whether the user is active."),
	}
}

func parseUserID(p *Params) string {
	p.note("userId", "User: 24 hex digits.", schema{Type: typeString})
	value, _ := p.value("userId")
	id, ok := domain.HexID(value)
	if !ok {
		p.bad.addf("userId", "is not a user id: use 24 hex digits")
	}
	return id
}

func parsePlatforms(p *Params) readmodels.PlatformsQuery {
	states := make([]any, 0, len(readmodels.PlatformStates()))
	for _, state := range readmodels.PlatformStates() {
		states = append(states, string(state))
	}
	return readmodels.PlatformsQuery{
		Page: p.Page(), Platforms: p.Platforms("pId"), Member: p.optionalID("memberId", "Member who owns the connection."),
		State: readmodels.PlatformState(p.oneOf("state", "State of the connected account.", states)),
	}
}

func parsePlatformID(p *Params) int64 { return p.ID("platformId") }

func parseActivities(p *Params) analytics.ActivitiesQuery {
	q := analytics.ActivitiesQuery{
		Page: p.Page(), Platforms: p.Platforms("pId"), Member: p.optionalID("memberId", "Member who owns the connection."),
		Social: p.optionalID("platformId", "Connected account."), Category: p.Category("cId"),
		Type: p.text("type", "Type of post: post, photo, video, reel, story, carousel."),
	}
	// Unlike figures, a list without a range is the whole list.
	_, from := p.value("startTime")
	_, to := p.value("endTime")
	if window := p.Range("startTime", "endTime"); from || to {
		q.From, q.To = &window.From, &window.To
	}
	return q
}

func parseActivityID(p *Params) string {
	p.note("activityId", "Activity: <connected account>:<the platform's id of the post>.", schema{Type: typeString})
	value, _ := p.value("activityId")
	_, _, ok := domain.SplitPostID(value)
	if !ok || len(value) > maxCursor || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		p.bad.addf("activityId", "is not an activity's id: use <connected account>:<the platform's id of the post>")
	}
	return value
}
