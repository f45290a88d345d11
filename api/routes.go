package api

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

// serveFunc writes a response, or returns an error before it has written anything.
type serveFunc func(*Server, http.ResponseWriter, *http.Request) error

// Operation is a row of the route table. The router, the API document and the tests use it.
type Operation struct {
	Method  string
	Pattern string
	ID      string // the name in generated clients; stable as long as the path is
	Roles   []Role // nil: public, or (notices) authorized by the endpoint itself
	operation
}

// PrefixAnalytics is the prefix of the analytics on every server. The API document lists their
// paths without it and the prefixes as servers.
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
	patternTicket   = "/api/notices/ticket" // grants reads only; the caller is checked again when it is used
	patternOpenAPI  = "/openapi.json"
	patternAsyncAPI = "/asyncapi.json"
)

// Groups of operations in the API document.
const (
	tagService    = "Service"
	tagDashboards = "Dashboards"
	tagEntities   = "Users, platforms, activities and stats"
	tagDirectory  = "Directory"
	tagAudit      = "Audit"
	tagStreams    = "Notices and live updates"
	tagAnalytics  = "Analytics"
	tagConnecting = "Connecting"
	tagOperators  = "Operators"
)

// Tag is a group of operations in the API document.
type Tag struct{ Name, Text string }

// Tags returns the groups in the order of the document.
func Tags() []Tag {
	return []Tag{
		{tagService, "Health, metrics and this document."},
		{tagDashboards, "Who sees which client's dashboard, and which clients share one view."},
		{tagEntities, "Users, connections and posts, and the figures of each platform over time."},
		{tagDirectory, "The data that a main application sends: accounts, people, connections, subscriptions, planned and published posts. " +
			"Without a main application, the agency adds its clients and people here."},
		{tagAudit, "The history of dashboards, for auditors. The service records every read."},
		{tagStreams, "Events that are pushed to open pages. While the service is not ready, or at its connection limit, a stream contains only a retry delay, " +
			"in the event retry_later, and then ends, so that an EventSource reconnects automatically. After any other status, retrying does not " +
			"help. Unknown query parameters are ignored, but another spelling of a known one is refused."},
		{tagAnalytics, "Metrics of the social accounts and posts that the caller may see."},
		{tagConnecting, "Connects pages and profiles in a browser: the person signs in at the platform, then chooses what to connect."},
		{tagOperators, "Read models, rebuilds, dead letters and the log. Each action requires a reason and is recorded before it runs."},
	}
}

// group is a list of operations that exist together: if served returns true.
type group struct {
	tag        string
	served     func(Deps) bool
	operations []Operation
}

var groups []*group // all; operations are registered where they are declared

func newGroup(tag string, served func(Deps) bool) *group {
	g := &group{tag: tag, served: served}
	groups = append(groups, g)
	return g
}

// add registers an operation.
func (g *group) add(op Operation) Operation {
	op.Tag = g.tag
	if op.Input != nil {
		op.Parameters = parametersOf(op.Input, op.Pattern)
		op.mustDeclare()
		if at := slices.IndexFunc(op.Parameters, func(p Parameter) bool { return p.Name == "table" }); at >= 0 {
			op.Parameters[at].Words = append(op.plan.Names(), tableOfSources)
		}
	}
	g.operations = append(g.operations, op)
	return op
}

// route registers an operation.
func route[I, O any](g *group, method, pattern, id string, roles []Role, op typed[I, O]) Op[I, O] {
	return Op[I, O]{g.add(Operation{method, pattern, id, roles, op.operation})}
}

var serviceGroup = newGroup(tagService, func(Deps) bool { return true })

var (
	// Reports whether the process is running. Use /readyz to check whether it can do its work.
	_ = serviceGroup.add(Operation{http.MethodGet, "/healthz", "getHealthz", nil, operation{
		serve: plain(getHealth), Answer: Answer{Bare: reflect.TypeFor[Alive](), Media: []string{mediaJSON}},
	}})
	// Reports whether the service can do its work and, if not, the kinds of reasons. If status is
	// degraded, reads are served and something else is wrong; see checks and projections.
	_ = serviceGroup.add(Operation{http.MethodGet, "/readyz", "getReadyz", nil, operation{
		serve: getReady, Input: reflect.TypeFor[readyInput](), Answer: Answer{Bare: reflect.TypeFor[operator.Health](), Media: []string{mediaJSON}},
	}})
	// Returns this document.
	_ = serviceGroup.add(Operation{http.MethodGet, patternOpenAPI, "getOpenapiJson", nil, operation{serve: getOpenAPI, Answer: Answer{Media: []string{mediaJSON}}}})
	// Returns the AsyncAPI document of the log's topics and the streams.
	_ = serviceGroup.add(Operation{http.MethodGet, patternAsyncAPI, "getAsyncapiJson", nil, operation{serve: getAsyncAPI, Answer: Answer{Media: []string{mediaJSON}}}})
	// Returns this document as an HTML page.
	_ = serviceGroup.add(Operation{http.MethodGet, patternDocs, "getDocs", nil, operation{serve: getDocs, Answer: Answer{Media: []string{mediaHTML}}}})
	// Returns the typed client for browsers and Node that matches this server, as a package for npm
	// install.
	_ = serviceGroup.add(Operation{http.MethodGet, patternClientPackage, "getClientTgz", nil, operation{serve: getClientPackage, Answer: Answer{Media: []string{"application/gzip"}}}})
	// Returns the same client as a single module, for pages without a build step.
	_ = serviceGroup.add(Operation{http.MethodGet, patternClientScript, "getClientJs", nil, operation{serve: getClientScript, Answer: Answer{Media: []string{"text/javascript"}}}})
	// Returns metrics for Prometheus.
	_ = newGroup(tagService, func(d Deps) bool { return d.Metrics != nil }).add(Operation{http.MethodGet, "/metrics", "getMetrics", nil, operation{
		Answer: Answer{Media: []string{mediaText}},
		serve: func(s *Server, w http.ResponseWriter, r *http.Request) error {
			s.deps.Metrics.ServeHTTP(w, r)
			return nil
		},
	}})
)

// Operations returns every operation that a server may have.
func Operations() (all []Operation) {
	for _, g := range groups {
		all = append(all, g.operations...)
	}
	return all
}

// table returns the operations of this server.
func (s *Server) table() (served []Operation) {
	for _, g := range groups {
		if g.served(s.deps) {
			served = append(served, g.operations...)
		}
	}
	if s.deps.Config.AnalyticsAtRoot {
		for _, op := range analyticsGroup.operations {
			op.Pattern = strings.TrimPrefix(op.Pattern, PrefixAnalytics)
			served = append(served, op)
		}
	}
	return served
}

// handler returns the handler of a route. Streams check their callers themselves, because their
// clients reconnect differently.
func (s *Server) handler(op Operation) http.HandlerFunc {
	serve := func(w http.ResponseWriter, r *http.Request) error {
		var c Caller
		if op.Roles != nil {
			var err error
			if c, err = s.authorizer.caller(w, r); err == nil {
				err = s.permits(op, c.Principal)
			}
			if err != nil {
				return err
			}
		}
		if op.serve != nil {
			return op.serve(s, w, r)
		}
		input, err := s.decode(w, r, op)
		if err != nil {
			return err
		}
		if op.stream != nil {
			return op.stream(s, w, r, c, input)
		}
		output, err := op.run(s, r.Context(), c, input)
		if err != nil {
			return err
		}
		return s.write(w, r, op, input, output)
	}
	return s.faults.handle(serve)
}

func plain(serve http.HandlerFunc) serveFunc {
	return func(_ *Server, w http.ResponseWriter, r *http.Request) error {
		serve(w, r)
		return nil
	}
}

func (s *Server) router(log *accessLog) (*chi.Mux, error) {
	// The compressor uses zstd or gzip, by Accept-Encoding. It buffers and would delay events, so
	// streams bypass it.
	types := []string{mediaJSON, mediaProblem, mediaCSV, mediaNDJSON, mediaText}
	compressed, err := gzhttp.NewWrapper(
		gzhttp.MinSize(compressFrom), gzhttp.ContentTypes(types), gzhttp.SuffixETag(suffixGzip),
	)
	if err != nil {
		return nil, fmt.Errorf("create compressor: %w", err)
	}
	mux := chi.NewRouter()
	config := s.deps.Config
	bodies := func(next http.Handler) http.Handler { return BoundBodies(config.RequestTimeout, next) }
	mux.Use(s.paths.middleware)
	if tracing.Enabled() {
		mux.Use(s.traced)
	}
	mux.Use(bodies, WithRequestID, log.observe, s.faults.recoverer, withHeaders(config.Headers), withCORS(config.CORSOrigins))
	for _, r := range s.routes {
		var handler http.Handler = s.handler(r)
		if filter := config.Filter; filter != nil && !isStream(r.Pattern) {
			handler = filter(handler)
		}
		if !isStream(r.Pattern) && r.Pattern != patternDashboard { // the ETag of a dashboard must stay its version
			handler = compressed(handler)
		}
		if !isStream(r.Pattern) && !isLong(r.Pattern) {
			handler = bounded(config.RequestTimeout, handler)
		}
		mux.Method(r.Method, r.Pattern, handler)
		// HEAD would open a stream, or record and read a whole history, without any use.
		if r.Method == http.MethodGet && !isStream(r.Pattern) && !isLong(r.Pattern) {
			mux.Method(http.MethodHead, r.Pattern, handler) // net/http omits the body
		}
	}
	mux.NotFound(s.faults.handle(func(http.ResponseWriter, *http.Request) error { return s.unmatched }))
	mux.MethodNotAllowed(s.faults.handle(s.refuseMethod))
	return mux, nil
}

// traced starts a span for each request; [accessLog.observe] names it by its route. Frequent
// requests have none, nor do streams, which last for hours.
func (s *Server) traced(next http.Handler) http.Handler {
	return otelhttp.NewHandler(next, "", otelhttp.WithFilter(func(r *http.Request) bool {
		pattern := s.mux.Find(chi.NewRouteContext(), r.Method, routedPath(r))
		return !isStream(pattern) && !isFrequent(pattern)
	}))
}

func (s *Server) refuseMethod(w http.ResponseWriter, r *http.Request) error {
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost}
	allowed := slices.DeleteFunc(methods, func(method string) bool {
		return !s.mux.Match(chi.NewRouteContext(), method, routedPath(r))
	})
	w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return domain.NewError(
		codeMethodNotAllowed, "This path does not support %s. Use %s.", clip(r.Method),
		strings.Join(allowed, " or "),
	)
}

// pathParam returns a path parameter decoded once: chi matches on the escaped path when there is
// one.
func pathParam(r *http.Request, name string) string {
	rctx := chi.RouteContext(r.Context())
	if !slices.Contains(rctx.URLParams.Keys, name) {
		return ""
	}
	value := rctx.URLParam(name)
	if r.URL.RawPath != "" {
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
	}
	return value
}

var errNothingHere = domain.NewError(domain.CodeNotFound, "There is nothing at this path. Check the URL.")

// eventStreams are the routes of Server-Sent Events. An error after which their clients should
// reconnect is a [stream.RetryLater].
var eventStreams = []string{patternNotices, patternLive, patternBuildEvents}

// isStream reports whether requests of the route last as long as the client listens.
func isStream(pattern string) bool {
	return slices.Contains(eventStreams, pattern) || strings.HasPrefix(pattern, prefixSocketIO)
}

// isLong reports whether responses of the route may contain a whole history or require reading
// partitions of the log.
func isLong(pattern string) bool {
	return slices.Contains([]string{patternExport, patternAccess, patternBundle}, pattern) || slices.Contains(erasures, pattern)
}

// isFrequent reports whether the route is requested every few seconds, so that it is logged at the
// debug level only.
func isFrequent(pattern string) bool {
	return pattern == "/healthz" || pattern == "/readyz" || pattern == "/metrics" ||
		strings.HasPrefix(pattern, prefixSocketIO)
}

// compressFrom is the minimum size of a compressed response. Smaller responses fit into a packet.
const compressFrom = 1024
