package mount

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
)

// Mounted is the HTTP layer and what it stands on, in a process of a main application.
type Mounted struct {
	service *assembly.Service
	server  *api.Server
	handler http.Handler // of the server, and of the console

	endStreams func()
	ending     chan struct{} // closed by EndStreams

	close  func() error
	closed chan struct{} // closed by Close

	mu      sync.Mutex
	running chan struct{} // nil: Run was not called; closed when it has ended
}

// Open validates c, brings the database to this version, as each start of the program does, and connects to
// brokers and database. It ends as soon as they answer or ctx is done. An error names every fault of c, or says
// what did not answer; nothing is left open then.
func Open(ctx context.Context, c Config) (*Mounted, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	withdrawn, err := api.OpenWithdrawn(c.WithdrawnFile, c.Logger)
	if err != nil {
		return nil, fmt.Errorf("mount: Config.WithdrawnFile: %w", err)
	}
	config := assembly.Config{
		Settings:     c.backends(),
		ClientScopes: c.ClientScopes, ManagedSubscriptions: c.ManagedSubscriptions,
		Streams: true,
	}
	if err := c.Connect.into(&config); err != nil {
		return nil, err
	}
	s, err := assembly.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	server, handler, err := newServer(c, s, withdrawn)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	m := &Mounted{service: s, server: server, handler: handler, ending: make(chan struct{}), closed: make(chan struct{})}
	m.endStreams = sync.OnceFunc(func() { s.Stop(); close(m.ending); server.Close() })
	m.close = sync.OnceValue(m.shut)
	return m, nil
}

// newServer also returns what serves the console before it, if there is one.
func newServer(c Config, s *assembly.Service, withdrawn *api.Withdrawn) (*api.Server, http.Handler, error) {
	handling := assembly.HandlerConfig{
		HTTP: c.HTTP, Authenticator: c.Authenticator, UnknownUsers: c.UnknownUsers, Withdrawn: withdrawn, CheckpointKeys: c.checkpointKeys,
	}
	var err error
	if handling.Application, err = c.application(); err != nil {
		return nil, nil, err
	}
	server, err := s.Handler(handling)
	if err != nil || handling.Application == nil {
		return server, server, err
	}
	pages, err := s.Console(server, handling)
	return server, pages, err
}

// Handler serves every route of the program but /metrics, and with Config.ConsoleSignIn the console. It knows where it is under Config.HTTP.Prefix, under
// http.StripPrefix and under chi's Mount.
func (m *Mounted) Handler() http.Handler { return m.handler }

// Run keeps the handler up to date until ctx is done or Close is called: it looks at the read models, wakes
// requests that wait for their change, and feeds notices and live updates. It returns nil then, and an error when
// a part stopped unexpectedly; the handler is of no use after it. A second Run is an error.
func (m *Mounted) Run(ctx context.Context) error {
	ended, err := m.begin()
	if err != nil {
		return err
	}
	defer close(ended)
	defer m.EndStreams()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	streaming, stopStreams := context.WithCancel(ctx)
	defer stopStreams()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.service.Follow(ctx) })
	group.Go(func() error { return m.service.Stream(streaming) })
	if m.service.Connect != nil {
		group.Go(func() error { m.service.PurgeSignIns(ctx); return nil })
		group.Go(func() error { m.service.EraseAsked(ctx); return nil })
	}
	group.Go(func() error { return after(ctx, m.ending, stopStreams) })
	group.Go(func() error { return after(ctx, m.closed, stop) })
	return group.Wait()
}

// after calls do once done is closed, unless ctx ends before.
func after(ctx context.Context, done <-chan struct{}, do func()) error {
	select {
	case <-done:
		do()
	case <-ctx.Done():
	}
	return nil
}

func (m *Mounted) begin() (ended chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.closed:
		return nil, errors.New("mount: Run after Close; open it again")
	default:
	}
	if m.running != nil {
		return nil, errors.New("mount: Run was called before; it runs once")
	}
	m.running = make(chan struct{})
	return m.running, nil
}

// EndStreams ends Socket.IO connections and event streams, whose clients then connect again elsewhere. It is what
// [http.Server.RegisterOnShutdown] is for: a shutdown waits for streams, and for Socket.IO connections it does not.
func (m *Mounted) EndStreams() { m.endStreams() }

// Close ends the streams and Run, waits for it, and gives back connections and metrics. Call it after the
// http.Server was shut down: requests still being served fail. A second call does nothing.
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
