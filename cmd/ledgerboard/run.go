package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds of the HTTP server. Answers have none as a whole: streams stay open.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// run runs the roles of this process until ctx is done, then stops them in the order of the flow:
// first nothing comes in any more, then nothing is fetched, then what is in the log is folded. Ready,
// if given, is called once all read models are live; its error ends the run.
func (a *app) run(ctx context.Context, addr string, ready func(ctx context.Context, baseURL string) error) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	group, work := errgroup.WithContext(work)
	a.startFolding(group, work)
	if err := a.startCheckpoints(group, work); err != nil {
		stopWork()
		return errors.Join(err, group.Wait())
	}
	stopServing, err := a.startServing(group, work, listener)
	if err != nil {
		stopWork()
		return errors.Join(err, group.Wait())
	}
	fetching, stopFetching := context.WithCancel(work)
	defer stopFetching()
	group.Go(func() error {
		select {
		case <-a.Monitor.Live():
		case <-fetching.Done():
			return nil
		}
		if ready != nil {
			if err := ready(fetching, baseURL(listener.Addr())); err != nil && fetching.Err() == nil {
				return err
			}
		}
		return a.fetch(fetching)
	})
	select {
	case <-ctx.Done():
		a.logger.Info("stopping")
	case <-work.Done():
	}
	stopServing()
	stopFetching()
	stopWork()
	return group.Wait()
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
func (a *app) startFolding(group *errgroup.Group, ctx context.Context) {
	group.Go(func() error { return a.Follow(ctx) })
	if a.has(roleProjector) {
		group.Go(func() error { return a.Fold(ctx) })
	}
	if a.has(roleFetcher) {
		group.Go(func() error { a.forgetSecrets(ctx); return nil })
	}
	group.Go(func() error { return a.backends.watch(ctx) })
}

// startServing starts the HTTP layer and what feeds its streams. The returned function ends it: it
// tells streams to end, then waits for requests within the configured time.
func (a *app) startServing(group *errgroup.Group, ctx context.Context, listener net.Listener) (stop func(), err error) {
	if !a.has(roleAPI) {
		listener.Close()
		return func() {}, nil
	}
	handler, err := a.newHandler()
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	streaming, endStreams := context.WithCancel(ctx)
	group.Go(func() error { return a.Stream(streaming) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	a.logger.Info("listening", "address", listener.Addr().String())
	return func() {
		endStreams()
		handler.Close()
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.StopWithin)
		defer cancel()
		if err := server.Shutdown(within); err != nil {
			a.logger.Warn("requests were cut at the stop", "error", err)
			server.Close() //nolint:errcheck // nothing is left to do about it
		}
	}, nil
}
