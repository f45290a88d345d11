package soak_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/dev/soak"
)

// counted stands before the simulator and counts LinkedIn's calls that are under way. It holds the first one until TikTok was asked
// often enough: whatever LinkedIn's job begins beside it has come by then.
type counted struct {
	sim    *simulator.Server
	tikTok chan struct{} // its first calls

	mu                  sync.Mutex
	all, underWay, most int
}

func (c *counted) begin() (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all++
	c.underWay++
	c.most = max(c.most, c.underWay)
	return c.all == 1
}

func (c *counted) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay--
}

// ServeHTTP implements [http.Handler].
func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, simulator.PathTikTok):
		select {
		case c.tikTok <- struct{}{}:
		default:
		}
	case strings.HasPrefix(r.URL.Path, simulator.PathLinkedIn):
		defer c.end()
		for range map[bool]int{true: 2 * accountsEach}[c.begin()] {
			select {
			case <-c.tikTok:
			case <-r.Context().Done():
			}
		}
	}
	c.sim.ServeHTTP(w, r)
}

// fetchEverySecond reads all accounts of a world each second until the test ends.
func fetchEverySecond(t *testing.T, cfg soak.Config) *soak.Stack {
	t.Helper()
	cfg.Dir, cfg.DatabaseURL, cfg.Clock = t.TempDir(), pgtest.New(t).URL, soak.NewClock(time.Now(), 1)
	cfg.Logger = ledgertest.Quiet
	cfg.Collect = collect.Config{GrowthWindow: time.Hour, AccountInterval: time.Second}
	cfg.Every = map[string]time.Duration{domain.FetchAccounts: time.Second}
	cfg.World.Register(cfg.Sim, func(soak.Account, *simulator.Account) {})
	stack, err := soak.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Close()) })
	require.NoError(t, cfg.World.StoreTokens(t.Context(), cfg.Sim, stack.Secrets, time.Now(),
		func(soak.Account) commands.StoredTokens { return commands.StoredTokens{} }))
	ledgertest.Run(t, stack.Run)
	return stack
}

// accountsEach is how many accounts of each platform there are.
const accountsEach = 4

// Where an app's quota does not hold the calls of all readings of a job, they come one after the other: begun together, each would have some of
// the calls, and none would be whole.
func TestShortQuotaIsReadOneAfterTheOther(t *testing.T) {
	t.Parallel()
	world, sim := soak.NewWorld(accountsEach*len(domain.Platforms())), simulator.New(simulator.Config{Seed: 7})
	before := &counted{sim: sim, tikTok: make(chan struct{}, 2*accountsEach)}
	server := httptest.NewServer(before)
	t.Cleanup(server.Close)
	stack := fetchEverySecond(t, soak.Config{
		Sim: sim, World: world, PlatformURL: server.URL,
		Quotas: []domain.Quota{{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: 260, Window: 24 * time.Hour}},
	})
	var judged, read int
	require.Eventually(t, func() bool {
		err := stack.Pool.QueryRow(t.Context(), `
			select count(*), count(read_at) from kept.fetch_state where p_id = $1 and claimed_until is null`, int(domain.LinkedIn)).Scan(&judged, &read)
		return err == nil && judged == accountsEach && read > 0
	}, ledgertest.Patience, ledgertest.Tick)
	before.mu.Lock()
	defer before.mu.Unlock()
	require.Equal(t, 1, before.most, "%d calls of %d connections, %d were read", before.all, judged, read)
	require.Positive(t, read, "a reading that was begun is whole")
}
