package collect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	north  = "c10000000000000000000000"
)

var (
	day0  = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	quiet = ledgertest.Quiet
)

// fetchDay is when the fetching of tests begins: a Thursday noon in winter, 04:00 in California.
var fetchDay = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

const fetchSeed = 7

// fetchStage is the real clients, stores, folds and queries around [collect.Collector], before the
// simulator over HTTP. Only the clock is a test's.
type fetchStage struct {
	t       testing.TB
	clock   *ledgertest.Clock
	log     *ledgertest.Log
	sim     *simulator.Server
	called  func(*http.Request) // with each call that reaches the simulator; nil: nothing
	base    string
	pool    *pgxpool.Pool // schema kept
	secrets *vault.Secrets
	collect *collect.Collector
	gate    *collect.Gate // of the newest process
	next    int64
	offered []platforms.Offered  // what has been connected
	set     *platforms.Set       // of the newest process
	metrics *prometheus.Registry // of the newest process
	app     string               // id and secret of our app at the platforms; "": it has none
	logger  *slog.Logger         // of processes
	wire    func(http.RoundTripper) http.RoundTripper
}

func newFetchStage(t testing.TB, change ...func(*collect.Config)) *fetchStage {
	t.Helper()
	s := &fetchStage{t: t, clock: ledgertest.NewClock(fetchDay), log: ledgertest.New(t), logger: quiet}
	s.wire = func(transport http.RoundTripper) http.RoundTripper { return transport }
	s.simulate(simulator.Config{})
	s.pool = ledgertest.OpenFetching(t, s.log.DB.URL)
	s.secrets = ledgertest.Secrets(t, s.pool, ledgertest.Key)
	s.log.Put(t, domain.DirectoryAccount{ID: agency, Active: true}, domain.DirectoryAccount{ID: north, ParentAccount: agency, Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: agency, StartsAt: fetchDay.AddDate(-1, 0, 0)})
	s.collect = s.process(change...)
	return s
}

// simulate puts a simulator with these quotas before the processes that are made from now on.
func (f *fetchStage) simulate(quotas simulator.Config) {
	quotas.Seed, quotas.Clock = fetchSeed, f.clock.Now
	f.sim = simulator.New(quotas)
	f.base = ledgertest.Serve(f.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.called != nil {
			f.called(r)
		}
		f.sim.ServeHTTP(w, r)
	}))
}

// process is another process's use cases: clients, locks and budgets of its own.
func (f *fetchStage) process(change ...func(*collect.Config)) *collect.Collector {
	f.t.Helper()
	return f.processWithin(ledgertest.Unlimited(f.t), change...)
}

func (f *fetchStage) processWithin(limits []domain.Quota, change ...func(*collect.Config)) *collect.Collector {
	f.t.Helper()
	gate := collect.NewGate(collect.GateConfig{Store: vault.Budgets{Pool: f.pool}, Limits: limits, Now: f.clock.Now})
	f.gate = gate
	config := ledgertest.At(f.base, f.app, f.app)
	config.HTTPClient = &http.Client{Transport: f.wire(&http.Transport{MaxIdleConnsPerHost: 64})}
	config.Now, config.Admit, config.Logger = f.clock.Now, gate.Admit, f.logger
	f.set, f.metrics = ledgertest.Clients(f.t, config), prometheus.NewRegistry()
	c := f.log.Collect(f.pool, f.secrets, f.set, gate, f.clock.Now)
	c.Registerer, c.Logger, c.AccountInterval = f.metrics, f.logger, 30*time.Second
	for _, configure := range change {
		configure(&c)
	}
	return collect.New(c)
}

// connected is a social account of the stage.
type connected struct {
	domain.DirectorySocialAccount
	ref string
}

// connect makes an account in the simulator, the directory and the store of tokens.
func (f *fetchStage) connect(p domain.Platform, aType domain.AccountType, change ...func(*simulator.Account)) connected {
	f.t.Helper()
	f.next++
	id := f.next
	account := simulator.Account{ID: fmt.Sprintf("70000%d", id)}
	for _, prepare := range change {
		prepare(&account)
	}
	account = f.sim.Add(p, aType, account)
	f.offered = append(f.offered, platforms.Offered{Platform: p, AccountType: aType, ExternalID: p.PlainID(account.ID), MayRead: true})
	c := connected{domain.DirectorySocialAccount{
		ID: id, ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: 1000 + id, Platform: p, AccountType: aType,
		ExternalID: account.ID, Connected: true,
	}, fmt.Sprintf("connection/%d", 1000+id)}
	f.log.Put(f.t, domain.DirectoryConnection{ID: c.ConnectionID, MemberID: 5, Platform: p, AccountType: aType, SecretRef: c.ref}, c.DirectorySocialAccount)
	f.store(c, commands.StoredTokens{
		AccessToken: account.AccessToken, RefreshToken: account.RefreshToken, ExpiresAt: account.AccessExpires, OwnLogin: account.OwnLogin,
	})
	return c
}

func (f *fetchStage) store(c connected, tokens commands.StoredTokens) {
	f.t.Helper()
	sealed, err := commands.EncodeTokens(tokens)
	require.NoError(f.t, err)
	require.NoError(f.t, f.secrets.Put(f.t.Context(), c.ref, sealed, tokens.Times(f.clock.Now())))
}

func (f *fetchStage) trap(c connected, traps simulator.Traps) {
	f.t.Helper()
	require.True(f.t, f.sim.SetTraps(c.Platform, c.ExternalID, traps))
}

func queueOf(kind string, p domain.Platform) domain.FetchQueue {
	return domain.FetchQueue{Kind: kind, Platform: p}
}

// round claims and reads what is due now, and returns which accounts were not read.
func (f *fetchStage) round(kind string, p domain.Platform) (failed []int64) {
	f.t.Helper()
	claim := f.claim(f.collect, kind, p)
	require.NoError(f.t, workOn(f.t.Context(), f.collect, claim))
	require.NoError(f.t, vault.Fetching{Pool: f.pool}.Release(f.t.Context(), claim)) // as the scheduler does
	return column[int64](f, `
		select social_account_id from kept.fetch_state
		where kind = $1 and p_id = $2 and updated_at = $3 and reason is not null and read_at is distinct from updated_at`, kind, int(p), f.clock.Now())
}

// roundAfter is a round of a later time.
func (f *fetchStage) roundAfter(d time.Duration, kind string, p domain.Platform) (failed []int64) {
	f.t.Helper()
	f.clock.Advance(d)
	return f.round(kind, p)
}

// claim claims what is due now, as the scheduler does.
func (f *fetchStage) claim(collect *collect.Collector, kind string, p domain.Platform) (claim domain.FetchClaim) {
	f.t.Helper()
	require.NoError(f.t, collect.Look(f.t.Context(), queueOf(kind, p)))
	claim, err := collect.Claim(f.t.Context(), domain.FetchWanted{FetchQueue: queueOf(kind, p), Limit: 1000, Lasts: time.Hour})
	require.NoError(f.t, err)
	return claim
}

func workOn(ctx context.Context, collect *collect.Collector, claim domain.FetchClaim) error {
	if len(claim.Tasks) == 0 {
		return nil
	}
	_, err := collect.Work(ctx, claim)
	return err
}

// readOne reads one account, whichever process has claimed it.
func (f *fetchStage) readOne(ctx context.Context, collect *collect.Collector, kind string, c connected) error {
	claim := f.log.Claim(f.t, queueOf(kind, c.Platform), c.ID, f.clock.Now())
	return collect.ReadOne(ctx, claim)
}

// endClaims lets the time of all claims pass.
func (f *fetchStage) endClaims() {
	f.t.Helper()
	f.exec(`update fetch_state set claimed_until = now() - interval '1 second'`)
}

func (f *fetchStage) exec(statement string, args ...any) {
	f.t.Helper()
	ledgertest.Exec(f.t, f.pool, statement, args...)
}

// state is what is stored of an account.
type state struct {
	ReadAt     *time.Time
	DueAt      time.Time
	Failures   int
	Reason     *domain.StatusReason
	Backfilled bool
}

// kind is what programs decide by; "" after a success.
func (s state) kind() domain.StatusCode {
	if s.Reason == nil {
		return ""
	}
	return s.Reason.Code.Kind()
}

func (f *fetchStage) state(kind string, c connected) (st state) {
	f.t.Helper()
	row := f.pool.QueryRow(f.t.Context(), `
		select read_at, greatest(due_at, not_before), failures, reason, backfilled_at is not null from fetch_state
		where kind = $1 and social_account_id = $2`, kind, c.ID)
	require.NoError(f.t, row.Scan(&st.ReadAt, &st.DueAt, &st.Failures, &st.Reason, &st.Backfilled))
	return st
}

// operatorReads is why an account is not read, and what to do.
func (f *fetchStage) operatorReads(kind string, c connected) string {
	f.t.Helper()
	reason := f.state(kind, c).Reason
	require.NotNil(f.t, reason)
	return domain.TextOf([]domain.StatusReason{*reason}, domain.OperatorText, domain.StatusNouns{Platform: c.Platform})
}

// readings are the live readings of an account, by capture time.
func (f *fetchStage) readings(c connected) (at []time.Time) {
	f.t.Helper()
	return column[time.Time](f, `select captured_at from tSAccountIns where social_account_id = $1 and not backfilled order by 1`, c.ID)
}

// column is the only column of a query's rows.
func column[T any](s *fetchStage, query string, args ...any) []T {
	s.t.Helper()
	return ledgertest.Column[T](s.t, s.log.DB.Pool, query, args...)
}

// only is the only column of a query's only row.
func only[T any](s *fetchStage, query string, args ...any) T {
	s.t.Helper()
	return ledgertest.Value[T](s.t, s.log.DB.Pool, query, args...)
}

func (f *fetchStage) number(query string, args ...any) int {
	f.t.Helper()
	return only[int](f, query, args...)
}

// logged are the events of a type on a topic.
func logged[T domain.Data](s *fetchStage, topic string) (events []T) {
	s.t.Helper()
	for _, r := range s.log.Records(topic) {
		ev, err := s.log.Decode(r)
		require.NoError(s.t, err)
		if data, ok := ev.Data.(T); ok {
			events = append(events, data)
		}
	}
	return events
}

// metric is the sum of a metric of the newest process, over those of a class; "": over all.
func (f *fetchStage) metric(name, class string) (sum int) {
	f.t.Helper()
	for key, value := range ledgertest.Metrics(f.t, f.metrics) {
		if words := strings.Fields(key); words[0] == "ledgerboard_fetch_"+name && (class == "" || slices.Contains(words[1:], class)) {
			sum += int(value)
		}
	}
	return sum
}

// changes are the recorded changes of a connection's state.
func (f *fetchStage) changes(c connected) []domain.ConnectionStateChanged {
	f.t.Helper()
	return slices.DeleteFunc(logged[domain.ConnectionStateChanged](f, domain.TopicOperations),
		func(change domain.ConnectionStateChanged) bool { return change.ConnectionID != c.ConnectionID })
}

// calls are the simulator's calls of an operation so far; of all without a name.
func (f *fetchStage) calls(op string) (n int) {
	for name, times := range f.sim.Stats().Calls {
		if op == "" || op == name {
			n += int(times)
		}
	}
	return n
}

// registerPost is the main application's word of a post.
func (f *fetchStage) registerPost(c connected, id string, published ...time.Time) {
	f.t.Helper()
	post := domain.PostRegistered{
		Tenant:   domain.Tenant{ParentAccount: agency, AccountID: north, MemberID: 5, SocialAccount: c.ID},
		Platform: c.Platform, AccountType: c.AccountType, ExternalID: id, Origin: domain.OriginMainApp, RegisteredAt: f.clock.Now(),
	}
	if len(published) > 0 {
		post.PublishedAt = &published[0]
	}
	require.NoError(f.t, errors.Join(collect.Record(f.t.Context(), f.log, f.clock.Now(), post)...))
}

// connectWithPosts connects an account with posts of two days; those of a profile, which nobody can
// list, the main application registers.
func (f *fetchStage) connectWithPosts(p domain.Platform, aType domain.AccountType, change ...func(*simulator.Account)) connected {
	f.t.Helper()
	if aType != domain.LinkedInProfile {
		return f.connect(p, aType, append(change, withPosts)...)
	}
	profile := f.connect(p, aType, func(a *simulator.Account) { a.Posts = fivePosts() })
	for _, post := range fivePosts() {
		f.registerPost(profile, post.ID, post.Created)
	}
	return profile
}

func withPosts(a *simulator.Account) {
	a.PostsFrom, a.PostEvery = fetchDay.Add(-48*time.Hour), 12*time.Hour
}

func fivePosts() (posts []simulator.Post) {
	for n := range 5 {
		posts = append(posts, simulator.Post{ID: fmt.Sprintf("urn:li:share:7%d", n), Created: fetchDay.Add(-time.Duration(n+1) * time.Hour)})
	}
	return posts
}

// interrupted are the secrets of a stage in which something happens at a call: after a Get, before
// a ClaimRenewal or a Swap. The database may fail.
type interrupted struct {
	*vault.Secrets
	get         func()
	claim, swap func() error
}

func (i interrupted) Get(ctx context.Context, ref string) ([]byte, error) {
	secret, err := i.Secrets.Get(ctx, ref)
	if i.get != nil {
		i.get()
	}
	return secret, err
}

func (i interrupted) ClaimRenewal(ctx context.Context, ref string, old []byte, lasts time.Duration) (domain.RenewalClaim, error) {
	if i.claim != nil {
		if err := i.claim(); err != nil {
			return domain.RenewalClaim{}, err
		}
	}
	return i.Secrets.ClaimRenewal(ctx, ref, old, lasts)
}

func (i interrupted) Swap(ctx context.Context, ref, claim string, old, secret []byte, times domain.SecretTimes) error {
	if i.swap != nil {
		if err := i.swap(); err != nil {
			return err
		}
	}
	return i.Secrets.Swap(ctx, ref, claim, old, secret, times)
}

func TestMain(m *testing.M) { pgtest.Main(m) }
