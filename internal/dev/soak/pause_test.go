package soak_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/dev/soak"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// patience is what a slow machine is given.
const patience = 5 * time.Minute

// fetchEverySecond reads all accounts of a world each second until the test ends.
func fetchEverySecond(t *testing.T, cfg soak.Config) *soak.Stack {
	t.Helper()
	cfg.Dir, cfg.DatabaseURL, cfg.Clock, cfg.Workers = t.TempDir(), pgtest.New(t).URL, soak.NewClock(time.Now(), 1), 1
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Collect = collect.Config{GrowthWindow: time.Hour, AccountInterval: time.Second}
	cfg.Every = map[string]time.Duration{domain.FetchAccounts: time.Second}
	cfg.World.Register(cfg.Sim, func(soak.Account, *simulator.Account) {})
	stack, err := soak.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Close()) })
	require.NoError(t, cfg.World.StoreTokens(t.Context(), cfg.Sim, stack.Secrets, time.Now(),
		func(soak.Account) commands.StoredTokens { return commands.StoredTokens{} }))
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stack.Run(running) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return stack
}

// A paused platform is not asked for anything, by nobody, while the others are; no failure is held
// against its connections; and it is asked again soon after the pause.
func TestPausedPlatformIsNotAsked(t *testing.T) {
	t.Parallel()
	world, sim := soak.NewWorld(8), simulator.New(simulator.Config{Seed: 7})
	stack := fetchEverySecond(t, soak.Config{Sim: sim, World: world, Quotas: []quota.Limit{}})
	pool, err := vault.Open(t.Context(), stack.DatabaseURL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	pauses := vault.NewPauses(pool)
	calls := func(p domain.Platform) (n int64) {
		for op, times := range sim.Stats().Calls {
			if strings.HasPrefix(op, p.String()+"/") {
				n += times
			}
		}
		return n
	}
	awaitCalls := func(p domain.Platform, more int64) {
		t.Helper()
		before := calls(p)
		require.Eventually(t, func() bool { return calls(p) >= before+more }, patience, 10*time.Millisecond, "%s is not asked", p)
	}
	awaitCalls(domain.LinkedIn, 1)

	_, err = pauses.Pause(t.Context(), domain.Pause{
		Kind: domain.PausePlatform, Name: domain.LinkedIn.String(), Since: time.Now(), Actor: "op", Reason: domain.Reason{Code: domain.ReasonIncident},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // whatever looked before the pause has ended then
		var underWay int
		err := pool.QueryRow(t.Context(), `select count(*) from fetch_state where p_id = 4 and claimed_until > clock_timestamp()`).Scan(&underWay)
		return err == nil && underWay == 0
	}, patience, 10*time.Millisecond)
	still := calls(domain.LinkedIn)
	awaitCalls(domain.TikTok, 8)
	require.Equal(t, still, calls(domain.LinkedIn))
	var failed int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from fetch_state where failures > 0 or class <> ''`).Scan(&failed))
	require.Zero(t, failed)

	_, err = pauses.Resume(t.Context(), domain.PausePlatform, domain.LinkedIn.String())
	require.NoError(t, err)
	awaitCalls(domain.LinkedIn, 1)
}
