package api

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"

	"github.com/ledgerboard/ledgerboard/domain"
)

// endpointFunc answers a request, or returns an error before anything is written.
type endpointFunc func(http.ResponseWriter, *http.Request) error

// Operation is a row of the table that the router, the API document and the tests are made of.
type Operation struct {
	Method  string
	Pattern string
	ID      string // names it in generated clients; it is stable as long as the path is
	Roles   []Role // nil: public, or (notices) judged by the endpoint itself
	operation
}

// PrefixAnalytics is where every server has the analytics. The API document has them once, without it, and names both prefixes
// as servers.
const PrefixAnalytics = "/auth"

const (
	prefixSocketIO  = "/socket.io/"
	patternSocketIO = prefixSocketIO + "*"

	patternDashboard = "/api/projects/dashboard/{sub_account_id}"
	patternNotices   = "/api/notices"
	patternExport    = "/api/audit/export"
	patternAccess    = "/api/audit/access/export"

	patternBundle   = "/api/audit/bundle"
	patternLive     = "/api/live"
	patternTicket   = "/api/notices/ticket" // made to read, and judged again where it is used
	patternOpenAPI  = "/openapi.json"
	patternAsyncAPI = "/asyncapi.json"
)

// table is the route table, but for the streams; every other path that is served stands here or where it is called.
func (s *Server) table() []Operation {
	deps, door, docs := s.deps, s.doorkeeper, s.documents
	table := []Operation{
		{http.MethodGet, "/healthz", "getHealthz", nil, operation{
			serve: plain(http.HandlerFunc(getHealth)), Answer: Answer{Bare: reflect.TypeFor[HealthBody]()},
		}},
		{http.MethodGet, "/readyz", "getReadyz", nil, operation{
			serve: plain(http.HandlerFunc(deps.Health.getReady)), Takes: []Param{paramFor}, Answer: Answer{Bare: reflect.TypeFor[HealthBody]()},
		}},
		{http.MethodGet, patternOpenAPI, "getOpenapiJson", nil, operation{serve: docs.getOpenAPI}},
		{http.MethodGet, patternAsyncAPI, "getAsyncapiJson", nil, operation{serve: docs.getAsyncAPI}},
		{http.MethodGet, patternDocs, "getDocs", nil, operation{serve: docs.getDocs}},
		{http.MethodGet, patternClientPackage, "getClientTgz", nil, operation{serve: getClientPackage}},
		{http.MethodGet, patternClientScript, "getClientJs", nil, operation{serve: getClientScript}},
	}
	table = append(table, (&dashboards{deps.Dashboards, deps.DashboardCommands, door, deps.PeopleKnown}).routes()...)
	if rows := deps.Entities; rows != nil {
		table = append(table, (&entities{rows, deps.Analytics, deps.Picture, door, deps.Audit != nil, deps.Operators != nil}).routes()...)
	}
	if deps.Directory != nil {
		table = append(table, deps.Directory.routes()...)
	}
	if deps.SignIns != nil {
		table = append(table, (&agencysSignIns{deps.SignIns, deps.Entities, door}).routes()...)
	}
	if deps.Audit != nil {
		table = append(table, (&audit{deps.Audit, deps.Logger}).routes()...)
	}
	if deps.Operators != nil {
		table = append(table, (&operators{deps.Operators, door, s.closing}).routes()...)
	}
	if deps.Connect != nil {
		table = append(table, (&connecting{deps.Connect, door, s.faults, deps.Ready, deps.PeopleKnown}).routes()...)
	}
	if deps.MainApp != nil {
		table = append(table, deps.MainApp.routes()...)
	}
	if deps.Metrics != nil {
		table = append(table, Operation{http.MethodGet, "/metrics", "getMetrics", nil, operation{serve: plain(deps.Metrics)}})
	}
	for _, r := range analyticsRoutes(door, deps.Analytics) {
		table = append(table, Operation{r.Method, PrefixAnalytics + r.Pattern, r.ID, r.Roles, r.operation})
		if deps.Config.AnalyticsAtRoot {
			table = append(table, r)
		}
	}
	return table
}

// whenReady refuses what rests on the read models while they are being made, and what is most worth to somebody who has
// left while it is not known who has. Notices judge by themselves: their clients reconnect by their own rules.
func (s *Server) whenReady(r Operation, next endpointFunc) endpointFunc {
	if r.Roles == nil || slices.Equal(r.Roles, []Role{RoleOperator}) { // an operator who repairs them cannot wait for ready ones
		return next
	}
	byPeople := slices.Contains(r.Roles, RoleAgency) || slices.Contains(r.Roles, RoleClient)
	sensitive := r.Method == http.MethodPut || r.audit || r.Method == http.MethodPost && byPeople && r.Pattern != patternTicket
	return func(w http.ResponseWriter, r *http.Request) error {
		err := s.deps.Ready()
		if err == nil && sensitive {
			err = s.deps.PeopleKnown()
		}
		if err == nil {
			err = next(w, r)
		}
		return err
	}
}

func plain(h http.Handler) endpointFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

func (s *Server) router(log *accessLog) (*chi.Mux, error) {
	// Compressed by Accept-Encoding, zstd or gzip. It buffers and may hold events back, so no stream goes through it.
	types := []string{mediaJSON, mediaProblem, mediaCSV, mediaNDJSON, mediaText}
	compressed, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.ContentTypes(types), gzhttp.SuffixETag(suffixGzip))
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	mux := chi.NewRouter()
	config := s.deps.Config
	bodies := func(next http.Handler) http.Handler { return boundBodies(config.RequestTimeout, next) }
	mux.Use(bodies, withRequestID, log.observe, s.faults.recoverer, withHeaders(config.Headers), withCORS(config.CORSOrigins), s.paths.middleware)
	for _, r := range s.routes {
		var handler http.Handler = s.faults.handle(s.doorkeeper.authorise(r.Roles, s.whenReady(r, s.endpoint(r))))
		if filter := config.Filter; filter != nil && !isStream(r.Pattern) {
			handler = filter(handler)
		}
		if !isStream(r.Pattern) && r.Pattern != patternDashboard { // whose tag is a version and stays one
			handler = compressed(handler)
		}
		if !isStream(r.Pattern) && !isLong(r.Pattern) {
			handler = bounded(config.RequestTimeout, handler)
		}
		mux.Method(r.Method, r.Pattern, handler)
		// HEAD would open a stream, or record and read a whole history for nothing.
		if r.Method == http.MethodGet && !isStream(r.Pattern) && !isLong(r.Pattern) {
			mux.Method(http.MethodHead, r.Pattern, handler) // net/http leaves the body out
		}
	}
	mux.NotFound(s.faults.handle(func(http.ResponseWriter, *http.Request) error {
		return errNothingHere
	}))
	mux.MethodNotAllowed(s.faults.handle(func(w http.ResponseWriter, r *http.Request) error {
		allowed := s.allowedMethods(r)
		w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return domain.NewError(codeMethodNotAllowed, "This address does not take %s. Use %s.",
			clip(r.Method), strings.Join(allowed, " or "))
	}))
	return mux, nil
}

func (s *Server) allowedMethods(r *http.Request) []string {
	path := r.URL.Path
	if rctx := chi.RouteContext(r.Context()); rctx != nil {
		path = routedPath(r, rctx)
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost} {
		if s.mux.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// pathParam returns a path parameter decoded once: chi matches on the escaped path when there is one.
func pathParam(r *http.Request, name string) (string, bool) {
	rctx := chi.RouteContext(r.Context())
	if rctx == nil || !slices.Contains(rctx.URLParams.Keys, name) {
		return "", false
	}
	value := rctx.URLParam(name)
	if r.URL.RawPath != "" {
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
	}
	return value, true
}

// storable tells whether PostgreSQL can hold a text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

var errNothingHere = domain.NewError(domain.CodeNotFound, "There is nothing at this address. Check the path.")

// isStream names the routes whose requests last as long as a listener listens.
func isStream(pattern string) bool {
	return pattern == patternNotices || pattern == patternLive || pattern == patternRebuildEvents || strings.HasPrefix(pattern, prefixSocketIO)
}

// isLong names the routes whose answers may be as long as a history, or need a partition of the log to be read.
func isLong(pattern string) bool {
	return slices.Contains([]string{patternExport, patternAccess, patternBundle}, pattern)
}

// isChatter names the routes that are asked every few seconds and say nothing new in the access log.
func isChatter(pattern string) bool {
	return pattern == "/healthz" || pattern == "/readyz" || pattern == "/metrics" || strings.HasPrefix(pattern, prefixSocketIO)
}

// compressFrom is the size from which an answer is worth compressing: smaller ones fit into a packet.
const compressFrom = 1024
