package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Route is a row of the route table, for the tests of roles.
type Route struct {
	Method, Pattern string
	Roles           []Role
}

// Routes returns the route table.
func (s *Server) Routes() (routes []Route) {
	for _, r := range s.routes {
		routes = append(routes, Route{r.Method, r.Pattern, r.Roles})
	}
	return routes
}

// ClientVersion is clientVersion.
var ClientVersion = clientVersion

// DecodeTopPosts decodes the query of a ranking of posts; now is the end of a range that names none.
func DecodeTopPosts(query url.Values, now time.Time) (analytics.RangeQuery, readmodels.Narrowing, error) {
	s := &Server{deps: Deps{Now: func() time.Time { return now }}}
	op := new(group).add(Operation{operation: figures[TopPosts]((*analytics.Analytics).TopPosts).operation})
	input, err := s.decode(nil, httptest.NewRequest(http.MethodGet, "/?"+query.Encode(), http.NoBody), op)
	in, _ := input.(*TopPosts)
	return queryOf(*in), in.narrowing(), err
}

// Document returns the API document of a server at the root.
func (s *Server) Document() ([]byte, error) {
	return json.Marshal(s.documents.openAPI())
}

// Match returns the pattern that serves a request.
func (s *Server) Match(method, path string) (pattern string, ok bool) {
	rctx := chi.NewRouteContext()
	ok = s.mux.Match(rctx, method, s.paths.fold(path))
	return rctx.RoutePattern(), ok
}

// Call calls the function that a request names in this process. It returns the status of its error, and
// 0 for a route that is not a function.
func Call(s *Server, r *http.Request) int {
	rctx := chi.NewRouteContext()
	s.mux.Match(rctx, r.Method, s.paths.fold(r.URL.Path))
	at := slices.IndexFunc(s.routes, func(op Operation) bool { return op.Method == r.Method && op.Pattern == rctx.RoutePattern() })
	if at < 0 || s.routes[at].run == nil {
		return 0
	}
	op := s.routes[at]
	p, err := s.deps.Authenticator.Authenticate(r)
	if err != nil {
		return StatusOf(publicError(err).Code)
	}
	r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, rctx))
	given, d := url.Values{}, &decoder{r: r}
	for _, p := range op.Parameters {
		if text := d.text(p, r.URL.Query()); text != "" {
			given.Set(p.Name, text)
		}
	}
	body := reflect.New(op.Input).Elem()
	if op.Body != nil {
		if err := d.body(httptest.NewRecorder(), op, body.FieldByIndex(op.bodyIndex)); err != nil {
			return StatusOf(publicError(err).Code)
		}
	}
	_, err = s.Call(r.Context(), op, p, given, func(input any) {
		if op.Body != nil {
			reflect.ValueOf(input).Elem().FieldByIndex(op.bodyIndex).Set(body.FieldByIndex(op.bodyIndex))
		}
	})
	if err != nil {
		return StatusOf(publicError(err).Code)
	}
	return http.StatusOK
}

// What the tests look into.
var (
	UpdateDigest = updateDigest
	ParseObject  = parseObject
)

// ParseUpdate decodes the members of a change to a dashboard.
func ParseUpdate(subAccount string, members map[string]json.RawMessage) (domain.UpdateDashboard, error) {
	var d decoder
	in := Change{SubAccount: SubAccount{SubAccount: HexID(subAccount)}}
	d.members(members, true, reflect.ValueOf(&in.Body).Elem())
	in.Body.check(&d)
	return in.change(), d.bad.Err()
}

// IfMatch decodes If-Match.
func IfMatch(header http.Header) (*domain.VersionMatch, error) {
	var in Match
	var d decoder
	d.r = &http.Request{Header: header}
	if wrong := in.decode(d.text(Parameter{Name: headerIfMatch, In: InHeader}, nil)); wrong != "" {
		return nil, domain.InvalidField(headerIfMatch, wrong)
	}
	return in.versions, nil
}

// WhyRefused exports whyRefused.
var WhyRefused = whyRefused

// Admitting returns the access check of a server with these Deps, and the number of cached
// statuses.
func Admitting(d Deps) (admit func(context.Context, Principal) error, cached func() int) {
	k := newAuthorizer(d)
	return k.admit, func() int { return len(k.statuses) }
}

// ProgressTexts returns the texts about readings on the page of a sign-in, and whether the page
// reloads.
func ProgressTexts(view connect.View) (texts []string, reload bool) {
	progress, reload := progressOf(view)
	for _, p := range progress {
		texts = append(texts, string(p.Text))
	}
	return texts, reload
}

// BoundSheets limits the rows of the sheets of exports.
func BoundSheets(a *AuditDeps, rows int) { a.maxRows = rows }

// HandlerOf is [Handler], but some analytics are asked of a test: how many platforms
// AccountInsights lists, and what stands beside them.
func HandlerOf(d Deps, ask func(analytics.RangeQuery) (platforms int, meta analytics.Meta)) (*Server, error) {
	d.Analytics = &analytics.Analytics{}
	d = d.withDefaults()
	metrics, err := newRequestMetrics(d.Registerer)
	if err != nil {
		return nil, err
	}
	s := newServer(d)
	for i, r := range s.routes {
		switch r.ID {
		case "getAccountInsights":
			s.routes[i].operation = figures[ComparedTotals](
				func(_ *analytics.Analytics, _ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountInsights, analytics.Meta, error) {
					platforms, meta := ask(q)
					return analytics.AccountInsights{Platforms: make([]analytics.PlatformInsights, platforms)}, meta, nil
				}).operation
		case "getAccountFollowers":
			s.routes[i].operation = askedOf[ComparedSeries, analytics.AccountFollowers](ask)
		case "getRoiViews":
			s.routes[i].operation = askedOf[Totals, analytics.RoiViews](ask)
		}
		s.routes[i] = new(group).add(s.routes[i])
	}
	return s, s.open(metrics)
}

func askedOf[I figuresInput, R any](ask func(analytics.RangeQuery) (int, analytics.Meta)) operation {
	return figures[I](func(_ *analytics.Analytics, _ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (none R, meta analytics.Meta, err error) {
		_, meta = ask(q)
		return none, meta, nil
	}).operation
}
