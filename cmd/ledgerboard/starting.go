package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/ledgerboard/ledgerboard/api"
)

// front listens from the start of a process, so that probes see what the process waits for, and
// that another process cannot take the address. Until the service is open, /healthz returns 200,
// /readyz 503 with the reason, and everything else 503.
type front struct {
	main  *door
	admin *door // nil: no separate listener
	waits atomic.Pointer[string]
}

// door is a listener with a handler that is replaced when the service is open.
type door struct {
	net.Listener
	server  *http.Server
	handler atomic.Pointer[http.Handler]
	served  chan error // the result of Serve
}

func openFront(ctx context.Context, addr, adminAddr string) (_ *front, err error) {
	f := &front{}
	f.waitFor("")
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.main, err = f.openDoor(ctx, addr); err != nil {
		return nil, fmt.Errorf("%w (is another ledgerboard running? Choose another address with --addr)", err)
	}
	if adminAddr != "" {
		if f.admin, err = f.openDoor(ctx, adminAddr); err != nil {
			return nil, fmt.Errorf("LEDGERBOARD_ADMIN_ADDR: %w", err)
		}
	}
	return f, nil
}

func (f *front) openDoor(ctx context.Context, addr string) (*door, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	d := &door{Listener: listener, served: make(chan error, 1)}
	d.handle(f.starting())
	d.server = newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*d.handler.Load()).ServeHTTP(w, r)
	}))
	go func() { d.served <- d.server.Serve(listener) }()
	return d, nil
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
func (f *front) waitFor(reason string) {
	if reason == "" {
		reason = "the process is opening the log and the database"
	}
	f.waits.Store(&reason)
}

func (f *front) starting() http.Handler {
	health := api.Health{Checks: []api.Check{
		{Name: "start", Probe: func(context.Context) error { return errors.New(*f.waits.Load()) }},
	}}.Handler(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			health.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"message":"The service is starting. Try again shortly.","code":"unavailable","errors":[]}`)
	})
}

func (f *front) close() {
	for _, d := range []*door{f.main, f.admin} {
		if d != nil {
			_ = d.server.Close()
		}
	}
}
