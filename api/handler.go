package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Config holds the settings of the HTTP layer.
type Config struct {
	// CORSOrigins are exact origins ("https://app.example.com"), "http://localhost:*" for any port,
	// or "*". None: no other origin may read answers.
	CORSOrigins []string
	// RequestTimeout bounds every request but streams and exports; 0: one minute.
	RequestTimeout time.Duration
	// AnalyticsAtRoot serves the analytics at the root too, beside /auth (standalone mode).
	AnalyticsAtRoot bool
	// Prefix is the path under which a main application serves this, like /boards, where its router leaves
	// the prefix in the requests; a path without it is served all the same.
	Prefix string
	// Headers are added to every answer; mock mode says there that its data is made up.
	Headers map[string]string
	// Filter, if given, wraps every endpoint that is no stream, before its answer is compressed: a demo puts in there where
	// its pictures are.
	Filter func(http.Handler) http.Handler
	// IgnoreParams are names of query parameters that a main application's frontends add everywhere. They are ignored
	// without a word wherever an endpoint does not declare them.
	IgnoreParams []string
	// RateLimit bounds the requests of each caller; zero: no bound.
	RateLimit RateLimit
}

// Validate returns every fault of c at once, joined. [Handler] does so too.
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

// Deps is what the HTTP layer stands on. The program and [github.com/ledgerboard/ledgerboard/api/mount], with
// which a main application serves all of it, hand it in from one place.
type Deps struct {
	Config        Config
	Authenticator Authenticator
	// ParentAccount returns the agency of a sub-account, or an error with the code not_found.
	ParentAccount func(ctx context.Context, subAccount string) (string, error)

	// People judges every caller but auditors and operators, on each request and while it listens.
	People PeopleDirectory
	// UnknownUsers lets those in whom People does not know, as long as they were not erased.
	UnknownUsers bool
	// Withdrawn are subjects who are refused, whatever else they are; nil: nobody.
	Withdrawn *Withdrawn
	// PeopleKnown says why it has not been known for a while who has left; nil when it is. Meanwhile what people change, connecting
	// and everything that auditors read answer with that error. Nil: it is always known.
	PeopleKnown func() error

	Dashboards        DashboardReader
	DashboardCommands DashboardCommands

	// Scope finds out whose figures a caller may see. A narrowing account outside of what the caller may see is not_found; a
	// client without any open dashboard is forbidden.
	Scope     func(context.Context, readmodels.ScopeRequest) (readmodels.Scope, error)
	Analytics *analytics.Analytics
	// Picture returns the picture of a post as a JPEG, or an error with the code not_found. Nil: no post has a picture.
	Picture func(context.Context, domain.PostRef) ([]byte, error)

	// The routes of those that are nil do not exist.
	Entities  *readmodels.Entities // users, platforms, activities and stats
	Audit     *AuditDeps           // what auditors read
	Directory *DirectoryDeps       // by which a main application writes the directory, and staff adds clients and people
	SignIns   SignIns              // by which agencies see to sign-ins to a console; it wants Entities
	MainApp   *MainAppDeps         // by which a main application registers pages and hands tokens over
	Operators OperatorDesk
	Connect   *connect.Connect // by which pages and profiles are connected
	Streams   *stream.Hub      // notices, Socket.IO and /api/live
	// TicketKey seals the tickets of streams: 32 bytes that all processes behind one address share. Nil: a key of this
	// process alone.
	TicketKey []byte

	// Ready says why the read models must not be relied upon now; nil when they may. Until then every
	// route but health, readiness and metrics answers 503: half-made figures are no figures. Nil: always.
	Ready func() error

	// Passes tells whether an error of below may pass by itself, as while the database is away: it answers 503 and
	// not 500. Nil: none does.
	Passes func(error) bool

	Health     Health                // of /readyz
	Metrics    http.Handler          // behind /metrics; nil: no such route
	Registerer prometheus.Registerer // for the request metrics; nil: not registered
	Logger     *slog.Logger          // slog.Default()
	Now        func() time.Time      // time.Now
}

func (d Deps) withDefaults() Deps {
	d.Config.RequestTimeout = cmp.Or(d.Config.RequestTimeout, defaultRequestTimeout)
	d.Logger = cmp.Or(d.Logger, slog.Default())
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Passes == nil {
		d.Passes = func(error) bool { return false }
	}
	if d.Ready == nil {
		d.Ready = func() error { return nil }
	}
	if d.PeopleKnown == nil {
		d.PeopleKnown = func() error { return nil }
	}
	return d
}

func (d Deps) validate() error {
	var errs []error
	missing := func(name string, absent bool) {
		if absent {
			errs = append(errs, fmt.Errorf("api: Deps.%s is not set", name))
		}
	}
	missing("Authenticator", d.Authenticator == nil)
	missing("ParentAccount", d.ParentAccount == nil)
	missing("People", d.People == nil)
	missing("Dashboards", d.Dashboards == nil)
	missing("DashboardCommands", d.DashboardCommands == nil)
	missing("Scope", d.Scope == nil)
	missing("Analytics", d.Analytics == nil)
	missing("Entities", d.SignIns != nil && d.Entities == nil)
	missing("Audit.History", d.Audit != nil && d.Audit.History == nil)
	missing("Audit.Records", d.Audit != nil && d.Audit.Records == nil)
	missing("Audit.Proofs", d.Audit != nil && d.Audit.Proofs == nil)
	return errors.Join(append(errs, d.Config.Validate())...)
}

// Server is the HTTP layer: an [http.Handler] that a main application can mount under its own router.
type Server struct {
	deps       Deps
	doorkeeper *doorkeeper
	faults     *faults
	routes     []Operation
	paths      pathFolder
	mux        *chi.Mux
	socketIO   *stream.SocketIO // nil: there are no streams
	documents  *documents

	closing <-chan struct{} // closed by close: progress of rebuilds ends
	close   func()
}

// Handler makes the HTTP layer. Its callers are those that a middleware has left with [WithPrincipal], else those
// that deps.Authenticator finds. Every missing dependency is named at once.
func Handler(deps Deps) (*Server, error) {
	deps = deps.withDefaults()
	if err := deps.validate(); err != nil {
		return nil, err
	}
	metrics, err := newRequestMetrics(deps.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register request metrics: %w", err)
	}
	s := newServer(deps)
	return s, s.open(metrics)
}

// open makes the router, and the streams, which the table of [newServer] lacks.
func (s *Server) open(metrics *requestMetrics) (err error) {
	deps := s.deps
	if deps.Streams != nil {
		listening, err := newStreams(deps, s.doorkeeper)
		if err != nil {
			return err
		}
		s.socketIO, s.routes = listening.socketIO, append(s.routes, listening.routes()...)
	}
	s.documents.served(s.routes)
	s.paths = newPathFolder(s.routes)
	s.mux, err = s.router(&accessLog{metrics, deps.Logger, deps.Now})
	return err
}

// newServer has every route but those of streams.
func newServer(deps Deps) *Server {
	closing, stop := context.WithCancel(context.Background())
	s := &Server{
		deps: deps, doorkeeper: newDoorkeeper(deps), faults: &faults{deps.Passes, deps.Logger}, closing: closing.Done(), close: stop,
		documents: &documents{atRoot: deps.Config.AnalyticsAtRoot, streams: deps.Streams != nil},
	}
	s.routes = s.table()
	return s
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

// Close ends the Socket.IO connections, telling their clients, which then reconnect by themselves, and the progress of
// rebuilds. Streams end with the [stream.Hub]. Call both before http.Server.Shutdown, which waits for them.
func (s *Server) Close() {
	s.close()
	if s.socketIO != nil {
		s.socketIO.Close()
	}
}
