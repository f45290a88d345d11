package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Service is an assembled process.
type Service struct {
	*Parts

	Monitor    *monitor.Monitor
	Dashboards *readmodels.Dashboards
	Updates    *commands.Dashboards
	Fetcher    *collect.Collector    // nil without the role fetcher
	Connect    *connect.Connect      // nil unless people connect accounts here
	First      *commands.FirstAgency // creates the first agency in the console; nil: the console cannot create it

	stopping     atomic.Bool
	topicsHealth *topicsHealth
	operators    *Operators
	streams      *stream.Hub
	ticketKey    []byte
	mainApp      *api.MainAppDeps           // nil if this process uses no tokens
	versions     func() []platforms.Version // likewise
	// deletionAsked has a signal when a person asked a platform to delete their data.
	deletionAsked chan struct{}
}

// Open migrates the database to this version and opens everything that the process needs, but
// starts nothing. The caller must call Close on the service.
func Open(ctx context.Context, c Config) (_ *Service, err error) {
	s := &Service{Parts: NewParts(c), deletionAsked: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	// Open the log first, so that wrong settings are reported before the database is changed.
	if err := s.openSafeLog(ctx); err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, err
	}
	if err := s.claimLog(ctx); err != nil {
		return nil, err
	}
	if err := s.namingLocks(ctx, func() error { return s.openReadSide(ctx) }); err != nil {
		return nil, err
	}
	config := s.dashboardCommands()
	config.Store = s.Dashboards
	config.Gate = func() error { return s.Monitor.MayWrite(projectors.Dashboards.Name) } // as /readyz?for=writes
	s.Updates = commands.NewDashboards(config)
	s.openStreams()
	if c.usesTokens() {
		if err := s.openPlatforms(ctx); err != nil {
			return nil, err
		}
	}
	return s, observe(s)
}

func (s *Service) openReadSide(ctx context.Context) (err error) {
	if err := s.OpenDatabase(ctx); err != nil {
		return err
	}
	if s.config.usesTokens() {
		if _, err := s.Secrets(ctx); err != nil {
			return err
		}
	}
	if s.config.Has(RoleAPI) {
		if s.ticketKey, err = vault.TicketKey(ctx, s.KeptPool); err != nil {
			return err
		}
	}
	if s.operators, err = s.Operators(ctx); err != nil {
		return err
	}
	s.Monitor = s.newMonitor()
	s.operators.acted = s.Monitor.Check
	s.Dashboards = &readmodels.Dashboards{
		Pool: s.ReadPool, Progress: s.progress,
		DefaultScopes:        s.config.ClientDashboardScopes,
		ManagedSubscriptions: domain.PointOfContactProducts(s.config.ManagedSubscriptions),
	}
	return nil
}

// Loop is a part of a process that runs until its context is done.
type Loop struct {
	Name string
	Run  func(ctx context.Context) error
}

// Loops returns what a process with its roles runs until it ends. The caller runs requests, streams,
// the fetcher and the signer.
func (s *Service) Loops() []Loop {
	endless := func(run func(context.Context)) func(context.Context) error {
		return func(ctx context.Context) error { run(ctx); return nil }
	}
	loops := []Loop{
		{"notifications of progress", endless(s.Listen)}, // they wake commands that wait for a fold
		{"monitor of the tables", endless(s.Monitor.Run)},
		{"checks of the topics", endless(func(ctx context.Context) { s.Log.RunChecks(ctx, time.Minute, s.topicsHealth.Checked) })},
		{"database watcher", s.Watch},
	}
	if s.config.Has(RoleProjector) {
		for _, engine := range s.engines {
			loops = append(loops, Loop{"projector " + engine.Name(), engine.Run})
		}
		loops = append(loops, Loop{"daily comparison of the tables with the log", endless(func(ctx context.Context) {
			projections.RunChecks(ctx, s.engine, s.engines, s.config.Logger)
		})})
	}
	if s.config.Has(RoleFetcher) {
		loops = append(loops, Loop{"cleanup of secrets", endless(s.tidySecrets)})
	}
	if s.Connect != nil {
		loops = append(loops, Loop{"cleanup of sign-ins", endless(s.purgeSignIns)},
			Loop{"erasures requested by platforms", endless(s.eraseAllAsked)})
	}
	return loops
}

// Signer returns the signer of checkpoints and its public key.
func (s *Service) Signer() (*proof.Signer, string, error) {
	if err := os.MkdirAll(s.config.DataDir, 0o755); err != nil {
		return nil, "", fmt.Errorf("create data directory: %w", err)
	}
	if _, _, err := s.config.signingKey(); err != nil {
		return nil, "", err
	}
	_, public, err := proof.ParseKey(s.config.CheckpointKey)
	if err != nil {
		return nil, "", err
	}
	return proof.NewSigner(proof.SignerConfig{
		Source: s.Log, Append: s.Log.Append, Renew: s.config.signingKey,
		Now: time.Now, Every: s.config.CheckpointEvery, Logger: s.config.Logger, Observe: observeCheckpoints(s.registered),
	}), public, nil
}
