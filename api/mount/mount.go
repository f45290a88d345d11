package mount

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/app"
)

// Config configures [Open]. It is the one configuration of the service: if the program's processes have
// a value for a setting, both must have the same. 'go doc -all internal/app Config' lists the fields; those
// of the groups are promoted, so that they can also be set one by one.
//
// Required are KafkaBrokers, DatabaseURL, ManagedSubscriptions and Authenticator.
type Config = app.Config

// The groups of settings in [Config].
type (
	// Storage is where the log and the tables are.
	Storage = app.Storage
	// Dashboards has the product types whose orders create points of contact, and scopes.
	Dashboards = app.Dashboards
	// Platforms has the platforms' apps and quotas.
	Platforms = app.Platforms
	// Checkpoints has the public keys with which auditors verify proofs.
	Checkpoints = app.Checkpoints
)

// Values of settings.
const (
	UsersUnknownAllowed = app.UsersUnknownAllowed // of Config.Users: admits users that are not in the directory, unless they were erased
	SubscriptionsNone   = app.SubscriptionsNone   // of Storage.Subscriptions: accounts are read without a subscription
)

// Mounted is the HTTP layer with its connections, in a process of a main application.
type Mounted struct {
	service *app.Service
	handler http.Handler // serves the API and the console

	endStreams func()
	ending     chan struct{} // closed by EndStreams

	close  func() error
	closed chan struct{} // closed by Close

	mu      sync.Mutex
	running chan struct{} // nil until Run is called; closed when Run has returned
}

// Open validates c, migrates the database to this version, as the program does at every startup,
// and connects to the brokers and the database. It returns when they respond or ctx is done. The
// error contains all errors in c, or the server that did not respond. After an error, no connection
// stays open.
func Open(ctx context.Context, c Config) (*Mounted, error) {
	c.Embedded, c.Roles = nil, []string{app.RoleAPI}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := app.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	server, handler, err := s.Handler(ctx, nil)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if !c.Compress {
		handler = uncompressed(handler)
	}
	m := &Mounted{service: s, handler: handler, ending: make(chan struct{}), closed: make(chan struct{})}
	m.endStreams = sync.OnceFunc(func() { s.Stop(); close(m.ending); server.Close() })
	m.close = sync.OnceValue(m.shut)
	return m, nil
}

// uncompressed hides from a handler what encodings the client accepts. The application's middleware,
// which has the original request, still sees them.
func uncompressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			header := r.Header
			r = r.WithContext(r.Context())
			r.Header = header.Clone()
			r.Header.Del("Accept-Encoding")
		}
		next.ServeHTTP(w, r)
	})
}

// Handler serves every route of the program except /metrics. With Config.ConsoleSignIn, it also
// serves the console. It supports Config.HTTP.Prefix, http.StripPrefix and chi's Mount.
func (m *Mounted) Handler() http.Handler { return m.handler }

// Run keeps the handler up to date until ctx is done or Close is called: it observes the read
// models, wakes requests that wait for their change, and feeds notices and live updates. Run then
// returns nil. If a part stops unexpectedly, it returns an error, and the handler no longer works.
// Run can be called only once.
func (m *Mounted) Run(ctx context.Context) error {
	if err := m.begin(); err != nil {
		return err
	}
	defer close(m.running)
	defer m.EndStreams()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	streaming, stopStreams := context.WithCancel(ctx)
	defer stopStreams()
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range m.service.Loops() {
		group.Go(func() error { return loop.Run(ctx) })
	}
	group.Go(func() error { return m.service.Stream(streaming) })
	group.Go(func() error { return after(ctx, m.ending, stopStreams) })
	group.Go(func() error { return after(ctx, m.closed, stop) })
	return group.Wait()
}

func after(ctx context.Context, done <-chan struct{}, do func()) error {
	select {
	case <-done:
		do()
	case <-ctx.Done():
	}
	return nil
}

func (m *Mounted) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.closed:
		return errors.New("mount: Run was called after Close; call Open again")
	default:
	}
	if m.running != nil {
		return errors.New("mount: Run was called twice; call it once")
	}
	m.running = make(chan struct{})
	return nil
}

// EndStreams closes Socket.IO connections and event streams; their clients then reconnect
// elsewhere. Register it with [http.Server.RegisterOnShutdown]: a shutdown waits for event streams,
// and does not close Socket.IO connections.
func (m *Mounted) EndStreams() { m.endStreams() }

// Close closes the streams, stops Run and waits for it, closes connections, and unregisters
// metrics. Call it after the http.Server has shut down: requests in progress fail. A second call
// does nothing.
func (m *Mounted) Close() error { return m.close() }

func (m *Mounted) shut() error {
	m.EndStreams()
	m.mu.Lock()
	close(m.closed)
	running := m.running
	m.mu.Unlock()
	if running != nil {
		<-running
	}
	return m.service.Close()
}
