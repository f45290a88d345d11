package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
)

// Bounds of the HTTP server. Answers have none as a whole: streams stay open.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

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

// startServing starts the HTTP layer and what feeds its streams; without the role api, what the process tells of itself.
// The returned function ends it, a moment after /readyz has said that the process stops: it tells streams to end, closes the port and waits
// for requests.
func (p *process) startServing(group *errgroup.Group, ctx context.Context, listener net.Listener) (stop func(), err error) {
	handler, endStreams := p.Health().Handler(p.metrics()), func() {}
	if p.has(roleAPI) {
		served, pages, err := p.newHandler(ctx)
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
			case <-time.After(min(announced, p.stop.within/10)):
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

// newHandler makes the HTTP layer of the program, and the console over it, which serves both.
func (p *process) newHandler(ctx context.Context) (*api.Server, http.Handler, error) {
	tokens := p.jwt()
	tokens.Logger = p.logger
	authenticator, err := bearer.New(ctx, tokens)
	if err != nil {
		return nil, nil, usageError{err}
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
		CheckpointKeys: p.checkpointKeys,
		HTTP:           config,
		Authenticator:  authenticator,
		UnknownUsers:   p.Users == usersUnknownAllowed,
		LocalDirectory: p.Directory == directoryLocal,
		Withdrawn:      withdrawn,
		Metrics:        p.metrics(),
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
