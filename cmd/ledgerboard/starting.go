package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/socket"
)

// front listens from the start of a process, so that probes see what the process waits for, and
// that another process cannot take the address. Until the service is open, [api.Starting] answers,
// and /readyz names the reason.
type front struct {
	main  *door
	admin *door // nil: no separate listener
	local *door // the socket for commands; nil: no role api, or it could not be opened
	waits atomic.Pointer[string]
}

// door is a listener with a handler that is replaced when the service is open.
type door struct {
	net.Listener
	server  *http.Server
	handler atomic.Pointer[http.Handler]
	served  chan error // the result of Serve
}

func (s settings) openFront(ctx context.Context, addr string, logger *slog.Logger) (_ *front, err error) {
	f := &front{}
	f.waitFor("")
	starting, err := api.Starting(api.Config{CORSOrigins: s.HTTP.CORSOrigins, Headers: s.HTTP.Headers}, api.Health{Checks: []api.Check{
		{Name: "process", Probe: func(context.Context) []operator.HealthReason {
			return []operator.HealthReason{operator.NewHealthReason(operator.HealthStarting, "wait", *f.waits.Load())}
		}},
	}}, logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.main, err = openPort(ctx, addr, starting); err != nil {
		return nil, fmt.Errorf("%w (is another ledgerboard running? Choose another address with --addr)", err)
	}
	if s.AdminAddr != "" {
		if f.admin, err = openPort(ctx, s.AdminAddr, starting); err != nil {
			return nil, fmt.Errorf("LEDGERBOARD_ADMIN_ADDR: %w", err)
		}
	}
	if s.Has(app.RoleAPI) {
		if listener, err := socket.Listen(ctx, socketDir(s.DataDir)); err != nil {
			logger.Warn("commands cannot reach this process, except with --url", "error", err)
		} else {
			f.local = openDoor(listener, s.forCommands(starting))
		}
	}
	return f, nil
}

// forCommands returns the handler of the socket for commands. Where operators sign in with an
// identity provider, names must be proved.
func (s settings) forCommands(served http.Handler) http.Handler {
	return api.LocalOperators(served, s.OIDCIssuer != "")
}

func openPort(ctx context.Context, addr string, starting http.Handler) (*door, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return openDoor(listener, starting), nil
}

func openDoor(listener net.Listener, starting http.Handler) *door {
	d := &door{Listener: listener, served: make(chan error, 1)}
	d.handle(starting)
	d.server = newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*d.handler.Load()).ServeHTTP(w, r)
	}))
	d.server.ConnContext = socket.ConnContext
	go func() { d.served <- d.server.Serve(listener) }()
	return d
}

func (d *door) handle(handler http.Handler) { d.handler.Store(&handler) }

// run waits until the server is shut down or fails.
func (d *door) run() error {
	if err := <-d.served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", d.Addr(), err)
	}
	return nil
}

// waitFor sets what the process waits for; "": nothing that is known.
func (f *front) waitFor(reason string) { f.waits.Store(&reason) }

func (f *front) close() {
	if f == nil {
		return
	}
	for _, d := range []*door{f.main, f.admin, f.local} {
		if d != nil {
			_ = d.server.Close()
		}
	}
}
