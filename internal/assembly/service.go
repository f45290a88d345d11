package assembly

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Config says what a process stands on. Whoever fills it has validated it.
type Config struct {
	// Log says where the log is; its Registry and Logger are set here. Topics: [Topics] unless it names others.
	Log         eventlog.Config
	DatabaseURL string

	ClientScopes         []string // that a new dashboard starts with
	ManagedSubscriptions []string // product types whose orders make points of contact; site and listings never do
	MaxLag               int64    // events that a projection may be behind before the process is not ready

	// Streams says that [Service.Stream] will run: else nobody takes what is heard of figures.
	Streams    bool
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Service is a process put together. What is exported serves what the program adds: fetching, checkpoints,
// a demo's seeds.
type Service struct {
	Log      *eventlog.Log
	Monitor  *Monitor
	ReadPool *pgxpool.Pool // read-only, schema lb
	KeptPool *pgxpool.Pool // schema kept

	Dashboards  *readmodels.Dashboards
	Connections readmodels.Connections
	Updates     *commands.Dashboards

	config        Config
	closers       Closers
	registered    *registrations
	topicsChecked func(error)
	progress      *pg.Progress
	projectorPool *pgxpool.Pool
	engines       []*projections.Engine
	streams       *stream.Hub
}

// Pool sizes. Projectors hold one connection per worker and projection; reads come and go with requests.
const (
	projectorConns = 24
	readConns      = 24
)

// Open brings the database to this version and opens everything that the process needs; nothing runs yet.
// [Service.Close] gives it back.
func Open(ctx context.Context, c Config) (_ *Service, err error) {
	if c.Log.Topics == nil {
		if c.Log.Topics, err = Topics(); err != nil {
			return nil, err
		}
	}
	if err := c.Log.WithDefaults().Validate(); err != nil { // before the database is touched
		return nil, fmt.Errorf("open the log: %w", err)
	}
	s := &Service{config: c, registered: &registrations{Registerer: c.Registerer}, progress: pg.NewProgress()}
	s.closers.Add(s.registered.Close)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := Migrate(ctx, c.DatabaseURL); err != nil {
		return nil, err
	}
	events := domain.NewRegistry()
	if s.Log, err = openLog(ctx, c, events); err != nil {
		return nil, err
	}
	s.closers.Add(s.Log.Close)
	if err := s.openReadSide(ctx, events); err != nil {
		return nil, err
	}
	if err := s.openCommands(); err != nil {
		return nil, err
	}
	s.openStreams()
	return s, s.observe()
}

// Close gives back what Open opened. What runs must have ended.
func (s *Service) Close() error { return s.closers.Close() }

func openLog(ctx context.Context, c Config, events *domain.Registry) (*eventlog.Log, error) {
	c.Log.Registry, c.Log.Logger = events, c.Logger
	log, err := eventlog.Open(ctx, c.Log)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return log, nil
}

func (s *Service) openPool(ctx context.Context, c pg.Config) (*pgxpool.Pool, error) {
	c.URL = s.config.DatabaseURL
	pool, err := pg.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	s.closers.Add(func() error { pool.Close(); return nil })
	return pool, nil
}

func (s *Service) openReadSide(ctx context.Context, events *domain.Registry) (err error) {
	if s.projectorPool, err = s.openPool(ctx, pg.Config{SearchPath: migrations.Derived, Name: "projector", MaxConns: projectorConns, AsyncCommit: true}); err != nil {
		return err
	}
	// While the tables are new, months of the past can be attached too: back-fills go there.
	s.attachNow(ctx)
	if s.ReadPool, err = s.openPool(ctx, pg.Config{SearchPath: migrations.Derived, Name: "reader", MaxConns: readConns, ReadOnly: true}); err != nil {
		return err
	}
	if s.KeptPool, err = vault.Open(ctx, s.config.DatabaseURL); err != nil {
		return err
	}
	s.closers.Add(func() error { s.KeptPool.Close(); return nil })
	if s.engines, err = s.newEngines(events); err != nil {
		return err
	}
	s.Monitor = NewMonitor(s.engines, s.config.MaxLag, s.config.Logger)
	s.Connections = readmodels.Connections{Pool: s.ReadPool}
	s.Dashboards = readmodels.NewDashboards(readmodels.DashboardsConfig{
		Pool: s.ReadPool, Progress: s.progress,
		Defaults:             domain.DashboardDefaults{Scopes: s.config.ClientScopes},
		ManagedSubscriptions: managedSubscriptions(s.config.ManagedSubscriptions),
	})
	return nil
}

// managedSubscriptions are the product types that count: site and listings never do.
func managedSubscriptions(named []string) []string {
	return slices.DeleteFunc(slices.Clone(named), func(t string) bool { return t == "site" || t == "listings" })
}

func (s *Service) openCommands() (err error) {
	s.Updates, err = commands.NewDashboards(commands.DashboardsConfig{
		Store: s.Dashboards, Log: s.Log,
		Refused:  func(err error) bool { return errors.Is(err, eventlog.ErrRefused) },
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
		Gate:     func() error { return s.Monitor.Problem(projections.Dashboards{}.Name()) },
		Now:      time.Now, Logger: s.config.Logger,
	})
	return err
}
