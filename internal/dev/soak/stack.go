package soak

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Clock is time that runs faster than the wall's.
type Clock struct {
	from  time.Time // of both
	base  time.Time
	speed float64
}

// NewClock starts at base.
func NewClock(base time.Time, speed float64) *Clock { return &Clock{time.Now(), base, speed} }

// Now is the compressed time.
func (c *Clock) Now() time.Time {
	return c.base.Add(time.Duration(float64(time.Since(c.from)) * c.speed)).UTC()
}

// Wall is how long so much compressed time takes.
func (c *Clock) Wall(d time.Duration) time.Duration { return time.Duration(float64(d) / c.speed) }

// Config says what a [Stack] is made of.
type Config struct {
	DatabaseURL string // an empty database
	Clock       *Clock
	Sim         *simulator.Server
	World       *World // its accounts are connected
	Logger      *slog.Logger
	// Connected says what is special about an account that is connected, and about its tokens.
	Connected func(Account, *simulator.Account, *commands.StoredTokens)

	Fetchers int                // processes that fetch
	Quota    collect.GateConfig // its limits; the rest is filled in
	Collect  collect.Config     // its intervals, in real time; likewise
}

// Stack is the ingestion put together as the program does, by its parts. It ends with the test.
type Stack struct {
	Config

	Log        *eventlog.Log
	Pool       *pgxpool.Pool          // read models
	Counts     []*prometheus.Registry // of each process that fetches
	Brokers    []string
	SecretsKey string // that sealed the tokens

	secrets   *vault.Secrets
	processes []*app.Parts // that fetch
	fetchers  []*collect.Collector
	engines   []*projections.Engine
}

// Open starts the parts and connects the accounts of the world; nothing is fetched yet.
func Open(t testing.TB, c Config) *Stack {
	t.Helper()
	s := &Stack{Config: c, SecretsKey: ledgertest.Key}
	own := s.process(t, app.Config{Embedded: embedded.Directory{Path: t.TempDir(), Logger: c.Logger}}, prometheus.NewRegistry())
	require.NoError(t, own.Migrate(t.Context()))
	require.NoError(t, own.OpenDatabase(t.Context()))
	require.NoError(t, own.OpenLog(t.Context()))
	s.Log, s.Brokers, s.Pool = own.Log, own.Brokers(), own.ReadPool
	var err error
	s.secrets, err = own.Secrets(t.Context())
	require.NoError(t, err)
	s.engines, err = own.Engines(t.Context())
	require.NoError(t, err)
	if c.Fetchers > 0 {
		platforms := ledgertest.Serve(t, c.Sim)
		for range c.Fetchers {
			s.addFetcher(t, platforms)
		}
	}
	var folding []func(context.Context) error
	for _, engine := range s.engines {
		folding = append(folding, engine.Run)
	}
	ledgertest.Run(t, folding...)
	s.Connect(t, c.World.Accounts)
	s.CatchUp(t)
	return s
}

// process returns the parts of one process, which counts for itself.
func (s *Stack) process(t testing.TB, at app.Config, counts *prometheus.Registry) *app.Parts {
	t.Helper()
	at.DatabaseURL, at.SecretsKey, at.Logger, at.Registerer = s.DatabaseURL, s.SecretsKey, s.Logger, counts
	parts := app.NewParts(at)
	t.Cleanup(func() { require.NoError(t, parts.Close()) })
	return parts
}

// addFetcher puts a fetcher together that shares with others what the database holds, and nothing else.
func (s *Stack) addFetcher(t testing.TB, platforms string) {
	t.Helper()
	counts := prometheus.NewRegistry()
	parts := s.process(t, app.Config{Storage: app.Storage{KafkaBrokers: s.Brokers}}, counts)
	_, err := parts.Secrets(t.Context())
	require.NoError(t, err)
	c := app.FetchConfig{Quota: s.Quota, Platforms: ledgertest.At(platforms, "", ""), Collect: s.Collect, Now: s.Clock.Now}
	c.Quota.Now, c.Quota.Speed = s.Clock.Now, s.Clock.speed
	c.Platforms.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096}}
	fetcher, err := parts.NewFetcher(t.Context(), c)
	require.NoError(t, err)
	s.Counts, s.processes, s.fetchers = append(s.Counts, counts), append(s.processes, parts), append(s.fetchers, fetcher)
}

// Connect adds accounts to the simulator, stores their tokens, and records what the main application would
// have sent of them.
func (s *Stack) Connect(t testing.TB, accounts []Account) {
	t.Helper()
	now := s.Clock.Now()
	for _, a := range accounts {
		account, tokens := simulator.Account{ID: a.ExternalID}, commands.StoredTokens{}
		s.Connected(a, &account, &tokens)
		account = s.Sim.Add(a.Platform, a.Type, account)
		tokens.AccessToken, tokens.RefreshToken = account.AccessToken, account.RefreshToken
		encoded, err := commands.EncodeTokens(tokens)
		require.NoError(t, err)
		require.NoError(t, s.secrets.Put(t.Context(), a.Secret, encoded, domain.SecretTimes{Taken: now, Expires: tokens.ExpiresAt}))
	}
	require.NoError(t, s.Log.AppendBulk(t.Context(), directory(accounts, now)))
}

// CatchUp waits until the tables show all that is in the log.
func (s *Stack) CatchUp(t testing.TB) {
	t.Helper()
	for _, engine := range s.engines {
		ledgertest.CaughtUp(t, engine)
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
