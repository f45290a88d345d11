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
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Config says what a [Stack] is made of.
type Config struct {
	Dir         string // of the embedded broker
	DatabaseURL string // an empty database
	Clock       *Clock
	Sim         *simulator.Server
	World       *World
	PlatformURL string // of a server that stands in for the simulator's own; empty: none does
	Logger      *slog.Logger

	Quotas      []quota.Limit
	Share       float64
	BreakerOpen time.Duration
	Collect     commands.CollectConfig // its limits; the parts are filled in
	Every       map[scheduler.Kind]scheduler.Schedule
	Workers     int
	Projectors  []projections.Projector // nil: all
}

// Stack is the ingestion put together as the program does.
type Stack struct {
	Log      *eventlog.Log
	Pool     *pgxpool.Pool // read models
	Secrets  *vault.Secrets
	Collect  *commands.Collect
	Gate     *quota.Gate
	Registry *prometheus.Registry

	Brokers    []string
	SecretsKey string // that sealed the tokens

	cfg       Config
	engines   []*projections.Engine
	scheduler *scheduler.Scheduler
	closers   []func() error
}

// Open starts the parts and feeds the directory; nothing is fetched yet. Close ends them.
func Open(ctx context.Context, cfg Config) (_ *Stack, err error) {
	s := &Stack{cfg: cfg, Registry: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, step := range []func(context.Context) error{s.openDatabase, s.openLog, s.openFetching} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.Log.AppendBulk(ctx, cfg.World.Directory(cfg.Clock.Now())); err != nil {
		return nil, fmt.Errorf("feed the directory: %w", err)
	}
	return s, s.startEngines(ctx)
}

// DatabaseURL is where the tables are.
func (s *Stack) DatabaseURL() string { return s.cfg.DatabaseURL }

func (s *Stack) defers(f func() error) { s.closers = append(s.closers, f) }

// Close ends everything, last first.
func (s *Stack) Close() error {
	var errs []error
	for _, closer := range slices.Backward(s.closers) {
		errs = append(errs, closer())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Stack) openDatabase(ctx context.Context) (err error) {
	if err := errors.Join(migrations.Up(ctx, s.cfg.DatabaseURL), scheduler.Migrate(ctx, s.cfg.DatabaseURL)); err != nil {
		return err
	}
	s.Pool, err = pg.Open(ctx, pg.Config{URL: s.cfg.DatabaseURL, SearchPath: migrations.Derived, Name: "soak", MaxConns: 24, AsyncCommit: true})
	if err != nil {
		return err
	}
	s.defers(func() error { s.Pool.Close(); return nil })
	return projections.AttachMonths(ctx, s.Pool, s.cfg.Clock.Now())
}

func (s *Stack) openLog(ctx context.Context) error {
	broker, err := embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: s.cfg.Dir, Logger: s.cfg.Logger})
	if err != nil {
		return err
	}
	s.defers(broker.Close)
	s.Brokers = broker.Addrs()
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return err
	}
	topics = eventlog.OnOneBroker(topics, broker.TopicOverrides())
	registry := domain.NewRegistry()
	s.Log, err = eventlog.Open(ctx, eventlog.Config{Brokers: broker.Addrs(), Logger: s.cfg.Logger, Topics: topics, Registry: registry})
	if err != nil {
		return err
	}
	s.defers(s.Log.Close)
	projectors := s.cfg.Projectors
	if projectors == nil {
		projectors = []projections.Projector{
			projections.Dashboards{Partitions: partitionsOf(topics, domain.TopicDashboards)}, // a fetcher is ready when all are live
			projections.Directory{}, projections.Operations{}, projections.AccountInsights{}, projections.PostInsights{},
		}
	}
	for _, p := range projectors {
		e, err := projections.New(projections.Config{
			Projector: p, Log: s.Log, Pool: s.Pool, Topics: topics, Registry: registry, Logger: s.cfg.Logger,
		})
		if err != nil {
			return err
		}
		s.engines = append(s.engines, e)
	}
	return nil
}

func partitionsOf(topics []eventlog.TopicSpec, name string) int32 {
	i := slices.IndexFunc(topics, func(t eventlog.TopicSpec) bool { return t.Name == name })
	return topics[i].Partitions
}

func (s *Stack) openFetching(ctx context.Context) error {
	pool, err := vault.OpenFetching(ctx, s.cfg.DatabaseURL)
	if err != nil {
		return err
	}
	s.defers(func() error { pool.Close(); return nil })
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	s.SecretsKey = hex.EncodeToString(raw)
	keys, err := vault.ParseKeys(s.SecretsKey)
	if err != nil {
		return err
	}
	if s.Secrets, err = vault.NewSecrets(pool, keys); err != nil {
		return err
	}
	s.Gate, err = quota.New(quota.Config{
		Store: vault.NewBudgets(pool), Limits: s.cfg.Quotas, Share: s.cfg.Share, BreakerOpen: s.cfg.BreakerOpen,
		Now: s.cfg.Clock.Now, Speed: s.cfg.Clock.speed, Registerer: s.Registry,
	})
	if err != nil {
		return err
	}
	clients, err := s.openClients(ctx)
	if err != nil {
		return err
	}
	metrics, err := commands.NewMetrics(commands.MetricsConfig{Log: s.Log, Now: s.cfg.Clock.Now})
	if err != nil {
		return err
	}
	c := s.cfg.Collect
	c.Connections, c.States, c.Marks = readmodels.Connections{Pool: s.Pool}, vault.NewFetching(pool), vault.NewMarks(pool)
	c.Clients, c.Budget, c.Secrets, c.Metrics, c.Operations = clients, s.Gate, s.Secrets, metrics, s.Log
	c.Now, c.Logger = s.cfg.Clock.Now, s.cfg.Logger
	if s.Collect, err = commands.NewCollect(c); err != nil {
		return err
	}
	s.scheduler, err = scheduler.New(scheduler.Config{
		DatabaseURL: s.cfg.DatabaseURL, Every: s.cfg.Every, MaxWorkers: s.cfg.Workers, Logger: s.cfg.Logger, Registerer: s.Registry,
		Shards: func(ctx context.Context, slot scheduler.Slot) (int, error) {
			return s.Collect.Plan(ctx, domain.FetchSlot{Kind: string(slot.Kind), Platform: slot.Platform, Begin: slot.Begin}, slot.End.Sub(slot.Begin))
		},
		Work: s.work,
	})
	return err
}

// openClients serves the simulator over HTTP and points the clients at it.
func (s *Stack) openClients(ctx context.Context) (*platforms.Set, error) {
	base := s.cfg.PlatformURL
	if base == "" {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		server := &http.Server{Handler: s.cfg.Sim, ReadHeaderTimeout: time.Minute}
		go server.Serve(listener) //nolint:errcheck // ends with Close
		s.defers(server.Close)
		base = "http://" + listener.Addr().String()
	}
	transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096}
	clients, err := platforms.New(platforms.Config{
		Facebook:   platforms.Endpoint{BaseURL: base + simulator.PathFacebook},
		Instagram:  platforms.Endpoint{BaseURL: base + simulator.PathInstagram},
		LinkedIn:   platforms.Endpoint{BaseURL: base + simulator.PathLinkedIn, AuthURL: base + simulator.PathLinkedIn},
		TikTok:     platforms.Endpoint{BaseURL: base + simulator.PathTikTok},
		HTTPClient: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler),
		Now: s.cfg.Clock.Now, Admit: s.Gate.Admit,
	})
	if err != nil {
		return nil, err
	}
	s.defers(func() error { clients.Close(); return nil })
	return clients, nil
}

// work is as in the program.
func (s *Stack) work(ctx context.Context, job scheduler.Job) error {
	slot := domain.FetchSlot{Kind: string(job.Kind), Platform: job.Platform, Begin: job.Slot}
	if job.Connection != 0 {
		again, err := s.Collect.Retry(ctx, slot, job.Connection)
		if err == nil && len(again) > 0 {
			err = scheduler.RetryAfter(s.cfg.Clock.Wall(again[0].After), errors.New("the connection cannot be read yet"))
		}
		return err
	}
	again, err := s.Collect.Work(ctx, slot, job.Shard)
	if len(again) == 0 {
		return err
	}
	retries := make([]scheduler.Retry, len(again))
	for i, r := range again {
		retries[i] = scheduler.Retry{Connection: r.SocialAccount, After: s.cfg.Clock.Wall(r.After)}
	}
	return scheduler.RetryConnections(err, retries...)
}

// startEngines starts folding and waits until the directory is there.
func (s *Stack) startEngines(ctx context.Context) error {
	folding, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, e := range s.engines {
		running.Go(func() { _ = e.Run(folding) })
	}
	s.defers(func() error { stop(); running.Wait(); return nil })
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
func (s *Stack) Run(ctx context.Context) error { return s.scheduler.Run(ctx) }
