package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	north  = "c10000000000000000000000"
)

var (
	day0  = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
)

// fetchDay is when the fetching of tests begins: a Thursday noon in winter, 04:00 in California.
var fetchDay = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

const fetchSeed = 7

// testClock stands still until it is moved.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fetchStage is the real clients, stores, folds and queries around [collect.Collector], before the
// simulator over HTTP. Only the clock is a test's.
type fetchStage struct {
	t       testing.TB
	clock   *testClock
	log     *foldtest.Log
	sim     *simulator.Server
	base    string
	pool    *pgxpool.Pool // schema kept
	secrets *vault.Secrets
	collect *collect.Collector
	next    int64
	set     *platforms.Set // of the newest process
	app     string         // id and secret of our app at the platforms; "": it has none
}

func newFetchStage(t testing.TB, change ...func(*collect.Config)) *fetchStage {
	t.Helper()
	s := &fetchStage{t: t, clock: &testClock{now: fetchDay}, log: foldtest.New(t)}
	s.sim = simulator.New(simulator.Config{Seed: fetchSeed, Clock: s.clock.Now})
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	s.base = server.URL
	var err error
	s.pool, err = vault.OpenFetching(t.Context(), s.log.DB.URL)
	require.NoError(t, err)
	t.Cleanup(s.pool.Close)
	keys, err := vault.ParseKeys(strings.Repeat("ab", 32))
	require.NoError(t, err)
	s.secrets, err = vault.NewSecrets(s.pool, keys)
	require.NoError(t, err)
	s.log.Put(t, domain.DirectoryAccount{ID: agency, Active: true}, domain.DirectoryAccount{ID: north, ParentAccount: agency, Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: agency, StartsAt: fetchDay.AddDate(-1, 0, 0)})
	s.collect = s.process(change...)
	return s
}

// process is another process's use cases: clients, locks and budgets of its own.
func (s *fetchStage) process(change ...func(*collect.Config)) *collect.Collector {
	s.t.Helper()
	limits, err := quota.ParseLimits([]string{"facebook:none", "instagram:none", "linkedin:none", "tiktok:none"})
	require.NoError(s.t, err)
	return s.processWithin(append([]quota.Limit{}, limits...), change...)
}

func (s *fetchStage) processWithin(limits []quota.Limit, change ...func(*collect.Config)) *collect.Collector {
	s.t.Helper()
	gate, err := quota.New(quota.Config{Store: vault.NewBudgets(s.pool), Limits: limits, Now: s.clock.Now, Patience: 1})
	require.NoError(s.t, err)
	at := func(path string) platforms.Endpoint {
		return platforms.Endpoint{BaseURL: s.base + path, ClientID: s.app, ClientSecret: s.app}
	}
	clients, err := platforms.New(platforms.Config{
		Facebook: at(simulator.PathFacebook), Instagram: at(simulator.PathInstagram), LinkedIn: at(simulator.PathLinkedIn), TikTok: at(simulator.PathTikTok),
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, Now: s.clock.Now, Admit: gate.Admit,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(clients.Close)
	s.set = clients
	metrics := &collect.Metrics{Log: s.log, Now: s.clock.Now}
	c := collect.Config{
		Connections: readmodels.Connections{Pool: s.log.DB.ReadOnly}, States: vault.NewFetching(s.pool), Marks: vault.NewMarks(s.pool),
		Clients: clients, Budget: gate, Secrets: s.secrets, Metrics: metrics, Operations: s.log,
		Now: s.clock.Now, Logger: quiet, GrowthWindow: 168 * time.Hour, AccountInterval: 30 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	collect, err := collect.New(c)
	require.NoError(s.t, err)
	return collect
}

// connected is a social account of the stage.
type connected struct {
	domain.DirectorySocialAccount
	ref string
}

// connect makes an account in the simulator, the directory and the store of tokens.
func (s *fetchStage) connect(p domain.Platform, aType domain.AccountType, change ...func(*simulator.Account)) connected {
	s.t.Helper()
	s.next++
	id := s.next
	account := simulator.Account{ID: fmt.Sprintf("70000%d", id)}
	for _, f := range change {
		f(&account)
	}
	account = s.sim.Add(p, aType, account)
	c := connected{domain.DirectorySocialAccount{
		ID: id, ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: 1000 + id, Platform: p, AccountType: aType,
		ExternalID: account.ID, Connected: true,
	}, fmt.Sprintf("connection/%d", 1000+id)}
	s.log.Put(s.t, domain.DirectoryConnection{ID: c.ConnectionID, MemberID: 5, Platform: p, AccountType: aType, SecretRef: c.ref}, c.DirectorySocialAccount)
	s.store(c, commands.StoredTokens{
		AccessToken: account.AccessToken, RefreshToken: account.RefreshToken, ExpiresAt: account.AccessExpires, InstagramLogin: account.InstagramLogin,
	})
	return c
}

func (s *fetchStage) store(c connected, tokens commands.StoredTokens) {
	s.t.Helper()
	sealed, err := commands.EncodeTokens(tokens)
	require.NoError(s.t, err)
	require.NoError(s.t, s.secrets.Put(s.t.Context(), c.ref, sealed, tokens.Times(s.clock.Now())))
}

func (s *fetchStage) trap(c connected, traps simulator.Traps) {
	s.t.Helper()
	require.True(s.t, s.sim.SetTraps(c.Platform, c.ExternalID, traps))
}

func queueOf(kind string, p domain.Platform) domain.FetchQueue {
	return domain.FetchQueue{Kind: kind, Platform: p}
}

// round claims and reads what is due now, and returns which accounts were not read.
func (s *fetchStage) round(kind string, p domain.Platform) (failed []int64) {
	s.t.Helper()
	return s.roundWithin(tick, kind, p)
}

// roundWithin is a round of looks that come that often.
func (s *fetchStage) roundWithin(every time.Duration, kind string, p domain.Platform) (failed []int64) {
	s.t.Helper()
	due, err := s.collect.Due(s.t.Context(), queueOf(kind, p), every)
	require.NoError(s.t, err)
	require.NoError(s.t, s.collect.Work(s.t.Context(), s.claimOf(due, kind, p)))
	rows, err := s.pool.Query(s.t.Context(), `
		select social_account_id from fetch_state
		where kind = $1 and p_id = $2 and updated_at = $3 and class <> '' and read_at is distinct from updated_at`, kind, int(p), s.clock.Now())
	require.NoError(s.t, err)
	failed, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(s.t, err)
	return failed
}

// claim claims what is due now, as the scheduler does.
func (s *fetchStage) claim(collect *collect.Collector, kind string, p domain.Platform) (claim domain.FetchClaim) {
	s.t.Helper()
	due, err := collect.Due(s.t.Context(), queueOf(kind, p), tick)
	require.NoError(s.t, err)
	return s.claimOf(due, kind, p)
}

func (s *fetchStage) claimOf(due []domain.DueAccount, kind string, p domain.Platform) domain.FetchClaim {
	s.t.Helper()
	claim, err := vault.NewFetching(s.pool).Claim(s.t.Context(), queueOf(kind, p), due, time.Hour, s.clock.Now())
	require.NoError(s.t, err)
	return claim
}

// readOne reads one account, whoever has claimed it.
func (s *fetchStage) readOne(ctx context.Context, collect *collect.Collector, kind string, c connected) error {
	claim := s.log.Claim(s.t, queueOf(kind, c.Platform), c.ID, s.clock.Now())
	return collect.ReadOne(ctx, readmodels.Connections{Pool: s.log.DB.ReadOnly}, claim)
}

// endClaims lets the time of all claims pass.
func (s *fetchStage) endClaims() {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), `update fetch_state set claimed_until = now() - interval '1 second'`)
	require.NoError(s.t, err)
}

// state is what is stored of an account.
type state struct {
	ReadAt        *time.Time
	DueAt         time.Time
	Failures      int
	Class, Reason string
	Backfilled    bool
}

func (s *fetchStage) state(kind string, c connected) (st state) {
	s.t.Helper()
	row := s.pool.QueryRow(s.t.Context(), `
		select read_at, due_at, failures, class, reason, backfilled_at is not null from fetch_state
		where kind = $1 and social_account_id = $2`, kind, c.ID)
	require.NoError(s.t, row.Scan(&st.ReadAt, &st.DueAt, &st.Failures, &st.Class, &st.Reason, &st.Backfilled))
	return st
}

// readings are the live readings of an account, by capture time.
func (s *fetchStage) readings(c connected) (at []time.Time) {
	s.t.Helper()
	return times(s.t, s.log.DB.Pool, `select captured_at from tSAccountIns where social_account_id = $1 and not backfilled order by 1`, c.ID)
}

func times(t testing.TB, pool *pgxpool.Pool, query string, args ...any) (at []time.Time) {
	t.Helper()
	rows, err := pool.Query(context.Background(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var one time.Time
		require.NoError(t, rows.Scan(&one))
		at = append(at, one)
	}
	require.NoError(t, rows.Err())
	return at
}

// number is the first column of a query's only row.
func (s *fetchStage) number(query string, args ...any) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.log.DB.Pool.QueryRow(s.t.Context(), query, args...).Scan(&n))
	return n
}

// changes are the recorded changes of a connection's state.
func (s *fetchStage) changes(c connected) (changes []domain.ConnectionStateChanged) {
	s.t.Helper()
	for _, r := range s.log.Records(domain.TopicOperations) {
		ev, err := s.log.Decode(r)
		require.NoError(s.t, err)
		if change, ok := ev.Data.(domain.ConnectionStateChanged); ok && change.ConnectionID == c.ConnectionID {
			changes = append(changes, change)
		}
	}
	return changes
}

// calls are the simulator's calls of an operation so far.
func (s *fetchStage) calls(op string) int { return int(s.sim.Stats().Calls[op]) }
