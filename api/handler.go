package api

import (
	"cmp"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// Config holds the settings of the HTTP layer. Package internal/app explains the tags.
type Config struct {
	// CORSOrigins are exact origins ("https://app.example.com"), "http://localhost:*" for any port,
	// or "*". If it is empty, no other origin may read responses.
	CORSOrigins []string `env:"LEDGERBOARD_CORS_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may read responses of this service."`
	// RequestTimeout limits every request except streams and exports. The default is one minute.
	RequestTimeout time.Duration `kong:"-"`
	// AnalyticsAtRoot serves the analytics at the root in addition to /auth (standalone mode).
	AnalyticsAtRoot bool `kong:"-"`
	// Prefix is the path under which a main application serves this handler, such as /boards.
	// Requests may arrive with the prefix or, if the application's router strips it, without it.
	Prefix string `kong:"-"`
	// Headers are added to every response; mock mode uses them to mark its data.
	Headers map[string]string `kong:"-"`
	// Filter, if set, wraps every endpoint except streams, before the response is compressed. The
	// demo uses it to insert the URLs of its pictures.
	Filter func(http.Handler) http.Handler `kong:"-"`
	// IgnoreParams are the names of query parameters that a main application's frontends add to all
	// requests. They are silently ignored wherever an endpoint does not declare them.
	IgnoreParams []string `kong:"-"`
	// RateLimit limits the requests of each caller. The zero value means no limit.
	RateLimit RateLimit `embed:""`
}

// Validate returns all errors in c, joined. [Handler] calls it.
func (c Config) Validate() error {
	var errs []error
	if p := c.Prefix; p != "" && (p[0] != '/' || p[len(p)-1] == '/') {
		errs = append(errs, fmt.Errorf("api: Config.Prefix is %q; it must begin with a slash and not end with one", p))
	}
	if c.RateLimit.Requests < 0 || c.RateLimit.Window < 0 {
		errs = append(errs, errors.New("api: Config.RateLimit must not be negative"))
	}
	return errors.Join(errs...)
}

// Deps contains the dependencies of the HTTP layer. Package internal/app sets it.
type Deps struct {
	Config        Config
	Authenticator Authenticator
	// ParentAccount returns the agency of a sub-account, or an error with code not_found.
	ParentAccount func(ctx context.Context, subAccount string) (string, error)

	// People is used to check every caller except auditors and operators, on each request and
	// during streams.
	People PeopleDirectory
	// UnknownUsers admits users that People does not know, unless they were erased.
	UnknownUsers bool
	// Withdrawn contains subjects that are always refused. It may be nil.
	Withdrawn *WithdrawnSubjects
	// PeopleKnown returns an error if the state of users has been unknown for a while. Until it
	// returns nil, changes by users, connecting, and audit reads fail with that error. Nil means
	// that the state is always known.
	PeopleKnown func() error

	Dashboards        DashboardReader
	DashboardCommands DashboardCommands
	// NamedPreview adds names to the preview of a change to a dashboard.
	NamedPreview func(context.Context, domain.DashboardPreview) (history.DashboardPreview, error)

	// Scope returns the accounts whose figures a caller may see. If the request limits the scope to
	// an account that the caller may not see, the error has code [domain.CodeNotFound]. For a
	// client without an open dashboard, it has code [domain.CodeForbidden].
	Scope     func(context.Context, readmodels.ScopeRequest) (readmodels.Scope, error)
	Analytics *analytics.Analytics
	// Picture returns the picture of a post as a JPEG, or an error with code not_found. Nil means
	// that no post has a picture.
	Picture func(context.Context, domain.PostRef) ([]byte, error)

	// If one of the following is nil, its routes do not exist.
	Entities  *directory.Entities // users, platforms, activities and stats
	Audit     *AuditDeps          // the audit trail
	Directory *DirectoryDeps      // directory imports by a main application; clients and people added by staff
	SignIns   *signin.Agency      // sign-in links and console sessions; requires Entities and Operators
	MainApp   *MainAppDeps        // pages and tokens from a main application
	Operators OperatorService
	Connect   *connect.Connect // connecting pages and profiles
	Streams   *stream.Hub      // notices, Socket.IO and /api/live
	// HijackStreams lets streams of events take over their connections, see [stream.Hijacked], except
	// those of requests with a principal, see [WithPrincipal]. Then nothing in front of this handler
	// may change what is written, or rely on the handler's return.
	HijackStreams bool
	// TicketKey encrypts the tickets of streams: 32 bytes, shared by all processes behind one
	// address.
	TicketKey []byte

	// Ready returns an error if the read models are not ready. Until it returns nil, routes that
	// need them return 503, so that no incomplete figures are served. Nil means that they are
	// always ready.
	Ready func() error

	// IsTemporary reports whether an error is transient, for example because the database is
	// unavailable. The response is then 503 instead of 500. Nil means that no error is transient.
	IsTemporary func(error) bool
	// Remedy returns what helps the sender after a transient error, if a retry is not enough; "" for
	// other errors. It may be nil.
	Remedy func(error) string

	Health     Health                // readiness checks
	Metrics    http.Handler          // handler of /metrics; nil means no such route
	Registerer prometheus.Registerer // for the request metrics; nil means that they are not registered
	Logger     *slog.Logger          // slog.Default()
	Now        func() time.Time      // time.Now
}

func (d Deps) withDefaults() Deps {
	d.Config.RequestTimeout = cmp.Or(d.Config.RequestTimeout, defaultRequestTimeout)
	d.Logger = cmp.Or(d.Logger, slog.Default())
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.IsTemporary == nil {
		d.IsTemporary = func(error) bool { return false }
	}
	if d.Remedy == nil {
		d.Remedy = func(error) string { return "" }
	}
	if d.Ready == nil {
		d.Ready = func() error { return nil }
	}
	if d.PeopleKnown == nil {
		d.PeopleKnown = func() error { return nil }
	}
	return d
}

// Server is the HTTP layer: an [http.Handler] that a main application can mount under its own
// router.
type Server struct {
	deps       Deps
	authorizer *authorizer
	faults     *faults
	routes     []Operation
	functions  map[string]Operation // those of routes that are functions, by id
	paths      pathFolder
	mux        *chi.Mux
	socketIO   *stream.SocketIO // nil if there are no streams
	tickets    cipher.AEAD      // encrypts tickets
	unmatched  error            // for a path without a route
	documents  *documents
	metrics    *requestMetrics

	closing <-chan struct{} // closed by close; ends the streams of rebuild progress
	close   func()
}

// Handler returns the HTTP layer. The caller of a request is the principal that a middleware has
// set with [WithPrincipal], or else the one that deps.Authenticator returns.
func Handler(deps Deps) (*Server, error) {
	deps = deps.withDefaults()
	if err := deps.Config.Validate(); err != nil {
		return nil, err
	}
	metrics, err := newRequestMetrics(deps.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register request metrics: %w", err)
	}
	s := newServer(deps)
	return s, s.open(metrics)
}

// Checks returns the readiness checks, including those of this server.
func (s *Server) Checks() Health { return s.deps.Health }

func (s *Server) open(metrics *requestMetrics) (err error) {
	deps := s.deps
	if deps.Registerer != nil {
		if err := deps.Registerer.Register(s.authorizer.outdatedMetric()); err != nil {
			return fmt.Errorf("register metrics of access: %w", err)
		}
	}
	if deps.Streams != nil {
		if err := openStreams(s); err != nil {
			return err
		}
	}
	s.documents.routes = s.routes
	s.paths = newPathFolder(s.routes)
	s.metrics = metrics
	s.mux, err = s.router(&accessLog{metrics, deps.Logger, deps.Now})
	return err
}

// newServer returns a server whose streams are not open yet.
func newServer(deps Deps) *Server {
	closing, stop := context.WithCancel(context.Background())
	access := newAuthorizer(deps)
	deps.Health.Checks = append(slices.Clip(deps.Health.Checks), access.outdatedCheck())
	s := &Server{
		deps: deps, authorizer: access, faults: &faults{deps.IsTemporary, deps.Remedy, deps.Logger},
		closing: closing.Done(), close: stop,
		documents: newDocuments(deps.Config.AnalyticsAtRoot, deps.Streams != nil), unmatched: errNothingHere,
	}
	s.routes, s.functions = s.table(), map[string]Operation{}
	for _, op := range s.routes {
		if op.run != nil {
			s.functions[op.ID] = op
		}
	}
	return s
}

// Starting returns the handler of a process that is not open yet. It serves /healthz, /readyz and, to
// operators on the machine of the service, /api/ops/health. Everything else is unavailable, with the headers, the error shape, and the streams that only
// delay their clients, as [Handler] returns them.
func Starting(config Config, health Health, logger *slog.Logger) (http.Handler, error) {
	deps := Deps{Config: config, Health: health, Logger: logger}.withDefaults()
	s := &Server{deps: deps, faults: &faults{deps.IsTemporary, deps.Remedy, deps.Logger}, unmatched: errStarting}
	s.routes = []Operation{
		{http.MethodGet, "/healthz", "", nil, operation{serve: plain(getHealth)}},
		{http.MethodGet, "/readyz", "", nil, operation{serve: getReady}},
		{http.MethodGet, GetOpsHealth.Pattern, "", nil, operation{serve: func(s *Server, w http.ResponseWriter, r *http.Request) error {
			if p, known := PrincipalFrom(r.Context()); !known || !p.Roles.Has(RoleOperator) {
				return errStarting
			}
			return writeData(w, s.Health(r.Context()), nil)
		}}},
	}
	for _, pattern := range eventStreams {
		s.routes = append(s.routes, Operation{http.MethodGet, pattern, "", nil, operation{
			serve: func(*Server, http.ResponseWriter, *http.Request) error { return errStarting },
		}})
	}
	s.paths = newPathFolder(s.routes)
	metrics, err := newRequestMetrics(nil)
	if err != nil {
		return nil, err
	}
	return s.router(&accessLog{metrics, deps.Logger, deps.Now})
}

var errStarting = &domain.Error{
	Code: domain.CodeUnavailable, RetryAfter: 5, Message: "The service is starting. Try again shortly.",
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prefix := s.deps.Config.Prefix
	if prefix != "" && strings.HasPrefix(r.URL.Path, prefix+"/") {
		http.StripPrefix(prefix, s.mux).ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Close closes the streams of rebuild progress and the Socket.IO connections, whose clients then
// reconnect automatically. Other streams are closed by the [stream.Hub]. Close both before
// http.Server.Shutdown, which waits for streams.
func (s *Server) Close() {
	s.close()
	if s.socketIO != nil {
		s.socketIO.Close()
	}
}
