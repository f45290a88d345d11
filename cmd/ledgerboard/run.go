package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Bounds of the HTTP server. Answers have none as a whole: streams stay open.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// announced is how long a process that stops still takes requests while /readyz says 503, so that balancers send none before the port
// closes; of a short LEDGERBOARD_STOP_WITHIN it is a tenth. Requests are answered meanwhile, so it delays nobody.
const announced = 2 * time.Second

// fewReadConns are enough where no requests are served.
const fewReadConns = 8

// process is the service with the settings of the program.
type process struct {
	settings
	*assembly.Service

	logger   *slog.Logger
	registry *prometheus.Registry
	stop     *stop
	// continueAs are the demo's people, as whom a browser on this machine may go on; nil: nobody is offered.
	continueAs []console.Person
	seeded     <-chan struct{} // closed once the demo's history is in the log, and nothing is signed before; nil: nothing is seeded
}

func newMetricsRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), thisBuild().collector())
	return registry
}

// open opens everything that the process needs; nothing runs yet. Close gives it back.
func (s settings) open(ctx context.Context, logger *slog.Logger) (*process, error) {
	p := &process{settings: s, logger: logger, registry: newMetricsRegistry(), stop: newStop(s.StopWithin)}
	config := assembly.Config{
		Settings:     s.backends(logger),
		ClientScopes: s.ClientDashboardScopes, ManagedSubscriptions: s.ManagedSubscriptions, MaxLag: s.MaxLag,
		Streams: s.has(roleAPI), Release: thisBuild().release(), Roles: s.Roles,
	}
	config.Registerer, config.ReadConns, config.FoldConns = p.registry, s.ReadConnections, s.FoldConnections
	config.RebuildDisk = s.RebuildDiskMB << 20
	if config.ReadConns == 0 && !s.has(roleAPI) {
		config.ReadConns = fewReadConns
	}
	var err error
	if s.has(roleFetcher) || s.reaches() {
		if config.SecretsKeys, err = vault.ParseKeys(s.SecretsKey); err != nil {
			return nil, usageError{err}
		}
	}
	if config.Connect, err = s.connectConfig(); err != nil {
		return nil, usageError{err}
	}
	if s.reaches() {
		if config.Reach, err = s.fetchConfig(); err != nil {
			return nil, usageError{err}
		}
	}
	if s.has(roleFetcher) {
		if config.Fetch, err = s.fetchConfig(); err != nil {
			return nil, usageError{err}
		}
		if s.withPictures {
			config.Fetch.Pictures = launch.PicturesOf()
		}
		// What is left of the bound is for renewals of tokens, which are not cut.
		config.Fetch.Schedule.DrainTimeout = min(s.StopWithin/3, scheduler.DefaultDrainTimeout)
	}
	p.Service, err = assembly.Open(ctx, config)
	return p, err
}

// Close gives back what was opened, within what is left of the stop's bound.
func (p *process) Close() error {
	p.stop.begin()
	p.stop.note(closing, 1)
	return p.stop.wait(func() error {
		defer p.stop.note(closing, -1)
		return p.Service.Close()
	})
}

// closing names the end of a stop.
const closing = "the log and the database"

// run runs the roles of this process until ctx is done, then stops them in the order of the flow: it says by /readyz that it stops, nothing
// more is fetched, nothing comes in any more, then what is in the log is folded. All of that, and Close, has one bound. Ready,
// if given, is called once all read models are live; its error ends the run.
func (p *process) run(ctx context.Context, addr string, ready func(ctx context.Context, baseURL string) error) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	group, work := errgroup.WithContext(work)
	p.startFolding(group, work)
	stopServing := func() {}
	if err = p.startCheckpoints(group, work); err == nil {
		stopServing, err = p.startServing(group, work, listener)
	}
	if err != nil {
		p.stop.begin()
		stopWork()
		return errors.Join(err, p.stop.wait(group.Wait))
	}
	fetching, stopFetching := context.WithCancel(work)
	defer stopFetching()
	p.stop.run(group, "what the platforms are read by", func() error {
		select {
		case <-p.Monitor.Made():
		case <-fetching.Done():
			return nil
		}
		if ready != nil {
			if err := ready(fetching, baseURL(listener.Addr())); err != nil && fetching.Err() == nil {
				return err
			}
		}
		if p.Fetcher == nil {
			return nil
		}
		return p.Fetcher.Run(fetching)
	})
	select {
	case <-ctx.Done():
		p.logger.Info("stopping")
	case <-work.Done():
	}
	p.stop.begin()
	p.Stop()
	stopFetching()
	stopServing()
	stopWork()
	return p.stop.wait(group.Wait)
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (another ledgerboard may be running; choose another address with --addr)", addr, err)
	}
	return listener, nil
}

// checkFree finds a taken address before the long part of a start. The address is given back: until the
// service can answer, connections are refused rather than left waiting.
func checkFree(ctx context.Context, addr string) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	return listener.Close()
}

// baseURL is how a browser on this machine reaches the service.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// startFolding starts what follows the log.
func (p *process) startFolding(group *errgroup.Group, ctx context.Context) {
	run := func(name string, part func(context.Context) error) {
		p.stop.run(group, name, func() error { return part(ctx) })
	}
	run("what looks how far the tables are", p.Follow)
	if p.has(roleProjector) {
		run("projectors", p.Fold)
	}
	if p.has(roleFetcher) {
		run("what forgets secrets", func(ctx context.Context) error { p.TidySecrets(ctx); return nil })
	}
	if p.connects() {
		run("what forgets sign-ins", func(ctx context.Context) error { p.PurgeSignIns(ctx); return nil })
		run("what erases people who asked a platform", func(ctx context.Context) error { p.EraseAsked(ctx); return nil })
	}
	run("what watches the database", p.Watch)
}

// startServing starts the HTTP layer and what feeds its streams; without the role api, what the process tells of itself.
// The returned function ends it, a moment after /readyz has said that the process stops: it tells streams to end, closes the port and waits
// for requests.
func (p *process) startServing(group *errgroup.Group, ctx context.Context, listener net.Listener) (stop func(), err error) {
	handler, endStreams := p.Health().Handler(p.metrics()), func() {}
	if p.has(roleAPI) {
		served, pages, err := p.newHandler()
		if err != nil {
			return nil, err
		}
		streaming, end := context.WithCancel(ctx)
		p.stop.run(group, "streams", func() error { return p.Stream(streaming) })
		handler, endStreams = pages, func() { end(); served.Close() }
		if p.withPictures {
			handler = launch.ServePictures(p.answerHeaders, handler)
		}
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	p.stop.run(group, "the HTTP server", func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	p.logger.Info("listening", "address", listener.Addr().String())
	return func() {
		within, cancel := p.stop.requests(ctx)
		defer cancel()
		if p.has(roleAPI) && !p.alone() {
			select {
			case <-time.After(min(announced, p.StopWithin/10)):
			case <-ctx.Done(): // something has failed, and nothing is answered any more
			}
		}
		endStreams()
		if err := server.Shutdown(within); err != nil {
			p.logger.Warn("requests were cut at the stop", "error", err)
			server.Close() //nolint:errcheck // nothing is left to do about it
		}
	}, nil
}

// alone tells whether no other process can take the requests: log or database are inside this one.
func (p *process) alone() bool { return len(p.KafkaBrokers) == 0 || p.settings.DatabaseURL == "" }

// metrics serves what the process counts.
func (p *process) metrics() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{})
}

// newHandler makes the HTTP layer of the program, and the console over it, which serves both.
func (p *process) newHandler() (*api.Server, http.Handler, error) {
	tokens := p.jwt()
	tokens.Logger = p.logger
	authenticator, err := bearer.New(tokens)
	if err != nil {
		return nil, nil, usageError{err}
	}
	if err := p.registry.Register(authenticator); err != nil {
		return nil, nil, fmt.Errorf("register metrics: %w", err)
	}
	withdrawn, err := api.OpenWithdrawn(p.Withdrawn, p.logger)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("LEDGERBOARD_WITHDRAWN: %w", err)}
	}
	config := api.Config{
		CORSOrigins: p.CORSOrigins, AnalyticsAtRoot: true, RateLimit: api.RateLimit{Requests: p.RateLimit}, Headers: p.answerHeaders,
	}
	if p.withPictures {
		config.Filter = launch.NamePictures
	}
	handling := assembly.HandlerConfig{
		CheckpointKeys:  p.checkpointKeys,
		CheckpointFile:  p.checkpointFile(),
		CheckpointEvery: p.CheckpointEvery,
		HTTP:            config,
		Authenticator:   authenticator,
		UnknownUsers:    p.Users == usersUnknownAllowed,
		LocalDirectory:  p.Directory == directoryLocal,
		Withdrawn:       withdrawn,
		Metrics:         p.metrics(),
	}
	if handling.SignIns, err = p.signIns(); err != nil {
		return nil, nil, usageError{err}
	}
	handling.SignIns.Demo = p.continueAs
	served, err := p.Handler(handling)
	if err != nil {
		return nil, nil, err
	}
	pages, err := p.Console(served, handling)
	return served, pages, err
}
