package soak

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Config says what a [Stack] is made of.
type Config struct {
	Dir         string // of the embedded broker
	DatabaseURL string // an empty database
	Clock       *Clock
	Sim         *simulator.Server
	World       *World
	Logger      *slog.Logger

	Quotas      []domain.Quota
	Share       float64
	BreakerOpen time.Duration
	Collect     collect.Config           // its limits; the parts are filled in
	Every       map[string]time.Duration // real time
	Fetchers    int                      // processes that fetch; 0: one
}

// Stack is the ingestion put together as the program does, by its parts.
type Stack struct {
	Log     *eventlog.Log
	Pool    *pgxpool.Pool // read models
	Secrets *vault.Secrets
	Counts  []*prometheus.Registry // of each process that fetches

	Brokers    []string
	SecretsKey string // that sealed the tokens

	cfg       Config
	parts     *app.Parts
	processes []*app.Parts // that fetch
	fetchers  []*collect.Collector
	engines   []*projections.Engine
}

// Open starts the parts and feeds the directory; nothing is fetched yet. Close ends them.
func Open(ctx context.Context, cfg Config) (_ *Stack, err error) {
	s := &Stack{cfg: cfg, SecretsKey: newKey()}
	s.parts = app.NewParts(s.config(app.Config{Embedded: embedded.Directory{Path: cfg.Dir, Logger: cfg.Logger}}))
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, step := range []func(context.Context) error{s.openTables, s.openLog, s.openFetching} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.Log.AppendBulk(ctx, Directory(cfg.World.Accounts, cfg.Clock.Now())); err != nil {
		return nil, fmt.Errorf("feed the directory: %w", err)
	}
	return s, s.startEngines(ctx)
}

// config completes that of one process, which counts for itself.
func (s *Stack) config(at app.Config) app.Config {
	counted := prometheus.NewRegistry()
	s.Counts = append(s.Counts, counted)
	at.DatabaseURL, at.SecretsKey = s.cfg.DatabaseURL, s.SecretsKey
	at.Logger, at.Registerer = s.cfg.Logger, counted
	return at
}

func newKey() string {
	raw := make([]byte, vault.KeySize)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// DatabaseURL is where the tables are.
func (s *Stack) DatabaseURL() string { return s.cfg.DatabaseURL }

// Close ends everything, last first.
func (s *Stack) Close() error { return s.parts.Close() }

func (s *Stack) openTables(ctx context.Context) (err error) {
	if err := s.parts.Migrate(ctx); err != nil {
		return err
	}
	if err := s.parts.OpenDatabase(ctx); err != nil {
		return err
	}
	s.Pool = s.parts.ReadPool
	s.Secrets, err = s.parts.Secrets(ctx)
	return err
}

func (s *Stack) openLog(ctx context.Context) (err error) {
	if err := s.parts.OpenLog(ctx); err != nil {
		return err
	}
	s.Log, s.Brokers = s.parts.Log, s.parts.Brokers()
	s.engines, err = s.parts.Engines(ctx)
	return err
}

func (s *Stack) openFetching(ctx context.Context) error {
	base, err := s.serveSimulator(ctx)
	if err != nil {
		return err
	}
	for n := range max(s.cfg.Fetchers, 1) {
		parts := s.parts
		if n > 0 {
			parts = app.NewParts(s.config(app.Config{Storage: app.Storage{KafkaBrokers: s.Brokers}}))
			s.parts.Add(parts.Close)
			if _, err := parts.Secrets(ctx); err != nil {
				return err
			}
		}
		fetcher, err := s.newFetcher(ctx, parts, base)
		if err != nil {
			return err
		}
		s.processes, s.fetchers = append(s.processes, parts), append(s.fetchers, fetcher)
	}
	return nil
}

// newFetcher puts a fetcher together that shares with others what the database holds, and nothing else.
func (s *Stack) newFetcher(ctx context.Context, parts *app.Parts, base string) (*collect.Collector, error) {
	config := s.cfg.Collect
	config.Every = s.cfg.Every
	return parts.NewFetcher(ctx, app.FetchConfig{
		Quota: collect.GateConfig{Limits: s.cfg.Quotas, Share: s.cfg.Share, BreakerOpen: s.cfg.BreakerOpen, Now: s.cfg.Clock.Now, Speed: s.cfg.Clock.speed},
		Platforms: platforms.Config{
			Facebook:   platforms.Endpoint{BaseURL: base + simulator.PathFacebook},
			Instagram:  platforms.Endpoint{BaseURL: base + simulator.PathInstagram},
			LinkedIn:   platforms.Endpoint{BaseURL: base + simulator.PathLinkedIn},
			TikTok:     platforms.Endpoint{BaseURL: base + simulator.PathTikTok},
			HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096}},
			Logger:     slog.New(slog.DiscardHandler),
		},
		Collect: config,
		Now:     s.cfg.Clock.Now,
	})
}

// serveSimulator serves the simulator over HTTP.
func (s *Stack) serveSimulator(ctx context.Context) (base string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: s.cfg.Sim, ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	s.parts.Add(server.Close)
	return "http://" + listener.Addr().String(), nil
}

// startEngines starts folding and waits until the directory is there.
func (s *Stack) startEngines(ctx context.Context) error {
	folding, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, e := range s.engines {
		running.Go(func() { _ = e.Run(folding) })
	}
	s.parts.Add(func() error { stop(); running.Wait(); return nil })
	return s.CatchUp(ctx)
}

// CatchUp waits until the tables show all that is in the log.
func (s *Stack) CatchUp(ctx context.Context) error {
	for {
		behind := int64(0)
		for _, e := range s.engines {
			status, err := e.Status(ctx)
			if err != nil {
				return err
			}
			behind += status.Lag
			if !status.Live() {
				behind++
			}
		}
		if behind == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d events are not folded: %w", behind, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Run fetches by the schedule until ctx is done.
func (s *Stack) Run(ctx context.Context) error {
	running, ctx := errgroup.WithContext(ctx)
	for i, f := range s.fetchers {
		running.Go(func() error { s.processes[i].Listen(ctx); return nil })
		running.Go(func() error { return f.Run(ctx) })
	}
	return running.Wait()
}
