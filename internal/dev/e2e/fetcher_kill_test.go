//go:build e2e

package e2e_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/dev/soak"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// How the fetchers are killed: with so many readings in flight at most in each process.
const (
	fetcherKills    = 6
	fetcherParallel = 32
	fetcherAccounts = 160
)

// Killed fetchers lose the readings in flight at most; nothing is there twice or by half.
func TestKilledFetchersLoseTheirReadingsInFlight(t *testing.T) {
	f := newFetchers(t)
	running := []*program{f.start(), f.start()} // while one is dead the other goes on
	for range fetcherKills {
		f.awaitProgress(running)
		time.Sleep(rand.N(1500 * time.Millisecond)) // the moment is what is random here
		victim := rand.N(len(running))
		running[victim].Kill()
		running[victim] = f.start()
	}
	f.awaitProgress(running)
	since := time.Now()
	f.awaitAll(running, since)
	for _, p := range running {
		p.Stop()
	}

	within, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, f.stack.CatchUp(within))
	ledger, err := soak.Read(t.Context(), f.stack.Log, f.world, f.sim)
	require.NoError(t, err)
	require.Empty(t, ledger.Wrong)
	require.Empty(t, ledger.Reconnects)
	var parked int
	require.NoError(t, f.stack.Pool.QueryRow(t.Context(), `select count(*) from parked`).Scan(&parked))
	require.Zero(t, parked)
	// A reading of a TikTok account is one call: whose the tokens are was asked before.
	answered, read := int(f.sim.Stats().Calls["tiktok/user_info"]), 0
	for _, a := range f.world.Of(domain.TikTok) {
		read += len(ledger.Readings[a.SocialAccount])
	}
	t.Logf("%d answers, %d readings in the log, %d kills", answered, read, fetcherKills)
	require.LessOrEqual(t, read, answered)
	require.LessOrEqual(t, answered-read, fetcherKills*fetcherParallel)
}

// fetchers are processes with the role fetcher over a log and a database of the test's.
type fetchers struct {
	t     *testing.T
	world *soak.World
	sim   *simulator.Server
	stack *soak.Stack
	env   []string
}

func newFetchers(t *testing.T) *fetchers {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	postgres, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Close()) })
	f := &fetchers{t: t, world: soak.NewWorld(fetcherAccounts), sim: simulator.New(simulator.Config{Seed: 7})}
	f.world.Register(f.sim, func(soak.Account, *simulator.Account) {})
	f.stack, err = soak.Open(t.Context(), soak.Config{
		Dir: t.TempDir(), DatabaseURL: postgres.URL(), Clock: soak.NewClock(time.Now(), 1), Sim: f.sim, World: f.world, Logger: quiet,
		Quotas: []quota.Limit{}, Collect: collect.Config{GrowthWindow: time.Hour},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.stack.Close()) })
	require.NoError(t, f.world.StoreTokens(t.Context(), f.sim, f.stack.Secrets, time.Now(),
		func(a soak.Account) commands.StoredTokens { return commands.StoredTokens{VerifiedAs: a.ExternalID} }))
	platform := httptest.NewServer(f.sim)
	t.Cleanup(platform.Close)
	f.env = append(cleanEnv(),
		"LEDGERBOARD_KAFKA_BROKERS="+strings.Join(f.stack.Brokers, ","), "LEDGERBOARD_DATABASE_URL="+f.stack.DatabaseURL(),
		"LEDGERBOARD_JWT_SECRET="+strings.Repeat("s", 32), "LEDGERBOARD_DIRECTORY=main_app", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS=managed", "LEDGERBOARD_SECRETS_KEY="+f.stack.SecretsKey,
		"LEDGERBOARD_PLATFORMS_URL="+platform.URL, "LEDGERBOARD_LOG_LEVEL=error",
		"LEDGERBOARD_QUOTAS=facebook:none,instagram:none,linkedin:none,tiktok:none",
		"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL=1s",
	)
	return f
}

func (f *fetchers) start() *program {
	return launch(f.t, f.t.TempDir(), []string{"serve", "--addr", "127.0.0.1:0", "--roles", "fetcher"}, func(cmd *exec.Cmd) { cmd.Env = f.env })
}

// awaitProgress waits until a platform is asked again: the dead process may have led the schedule.
func (f *fetchers) awaitProgress(running []*program) {
	before := f.sim.Stats().Calls["tiktok/user_info"]
	running[0].await(readyWithin, "the platforms to be asked", func() bool { return f.sim.Stats().Calls["tiktok/user_info"] > before+10 })
}

func (f *fetchers) awaitAll(running []*program, since time.Time) {
	running[0].await(readyWithin, "every connection to be read on", func() bool {
		var fresh int
		err := f.stack.Pool.QueryRow(f.t.Context(), `
			select count(distinct social_account_id) from tSAccountIns where captured_at > $1`, since).Scan(&fresh)
		return err == nil && fresh == fetcherAccounts
	})
}
