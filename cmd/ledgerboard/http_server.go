package main

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
)

// idleTimeout is longer than that of load balancers that reuse connections, such as Google Cloud's
// with 600 s: a request on a connection that is just being closed would be answered with 502.
const idleTimeout = 620 * time.Second

// newServer returns a server without a write timeout, because streams stay open.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: idleTimeout, MaxHeaderBytes: 64 << 10,
	}
}

// baseURL returns the URL of the service for a browser on this machine.
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

// startServing serves HTTP requests. Without the role api, it serves only the health and metrics
// endpoints. The returned function waits for a moment while /readyz reports that the process is
// stopping, closes the streams, closes the port and waits for running requests.
func (p *process) startServing(group *errgroup.Group, ctx context.Context) (stop func(), err error) {
	health, endStreams := p.Health(), func() {}
	handler := health.Handler(p.metrics())
	if p.Has(app.RoleAPI) {
		apiServer, pages, err := p.Handler(ctx, p.metrics())
		if err != nil {
			return nil, err
		}
		if p.First != nil {
			p.stop.run(group, "code of the first agency", func() error { p.logFirstCode(ctx); return nil })
		}
		streaming, end := context.WithCancel(ctx)
		p.stop.run(group, "streams", func() error { return p.Stream(streaming) })
		health, handler, endStreams = apiServer.Checks(), pages, func() { end(); apiServer.Close() }
		if local := p.front.local; local != nil {
			local.handle(p.forCommands(apiServer))
			p.stop.run(group, "socket for commands", local.run)
		}
		if p.Seeded {
			handler = launch.ServePictures(p.HTTP.Headers, handler)
		}
	}
	if p.AdminAddr != "" {
		p.serveAdmin(group, ctx, health)
		handler = withoutAdmin(handler)
	}
	p.front.main.handle(handler)
	p.stop.run(group, "HTTP server", p.front.main.run)
	p.logger.Info("listening", "address", p.front.main.Addr().String())
	return func() {
		requestsCtx, cancel := p.stop.requestContext(ctx)
		defer cancel()
		// If the log or the database is embedded, no other process can take over requests.
		if p.Has(app.RoleAPI) && len(p.KafkaBrokers) > 0 && p.settings.DatabaseURL != "" {
			select {
			case <-time.After(min(drainDelay, p.stop.limit/10)):
			case <-ctx.Done(): // a part has failed: no further requests can be served
			}
		}
		endStreams()
		var closing sync.WaitGroup
		for _, d := range []*door{p.front.main, p.front.local} {
			if d == nil {
				continue
			}
			closing.Go(func() {
				if err := d.server.Shutdown(requestsCtx); err != nil {
					p.logger.Warn("shutdown canceled running requests", "error", err)
					d.server.Close() //nolint:errcheck // nothing can be done about it
				}
			})
		}
		closing.Wait()
	}, nil
}

// withoutAdmin hides the endpoints that the admin listener serves, in every spelling that the API
// accepts.
func withoutAdmin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimRight(r.URL.Path, "/")
		if slices.ContainsFunc([]string{"/healthz", "/readyz", "/metrics"}, func(p string) bool { return strings.EqualFold(p, path) }) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveAdmin starts the admin listener, which keeps serving while the process is stopping.
func (p *process) serveAdmin(group *errgroup.Group, ctx context.Context, health api.Health) {
	mux := http.NewServeMux()
	mux.Handle("/", health.Handler(p.metrics()))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	admin := p.front.admin
	admin.handle(mux)
	p.stop.run(group, "admin listener", func() error {
		defer context.AfterFunc(ctx, func() { _ = admin.server.Close() })()
		return admin.run()
	})
	p.logger.Info("listening for probes and metrics", "address", admin.Addr().String())
}

func (p *process) logFirstCode(ctx context.Context) {
	select {
	case <-p.Monitor.Readable():
	case <-ctx.Done():
		return
	}
	if wanted, err := p.First.Wanted(ctx); err == nil && wanted {
		p.logger.Warn("no agency exists yet: create the first agency at /console/sign-in with this code, "+
			"or with 'ledgerboard init'", "code", p.First.Code)
	}
}
