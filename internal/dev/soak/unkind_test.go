package soak_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// worldSeeds has one of each kind of account, and a second page, which refuses parts of posts; CI draws new ones.
func worldSeeds(t *testing.T) []uint64 {
	t.Helper()
	return draws.Worlds(t, 1, 2, 3, 4, 5, 10)
}

// The times of a world.
const (
	worldDays    = 14
	look         = time.Hour // between two looks at what is due
	accountEvery = 12 * time.Hour
	postEvery    = 12 * time.Hour
	growth       = 7 * 24 * time.Hour
	worldAgency  = ledgertest.AgencyA
	worldClient  = ledgertest.ClientA
	worldMember  = 5
)

var worldBegins = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)

// unkindWorld is a number of accounts of one platform, some of them treated unkindly.
type unkindWorld struct {
	seed     uint64
	platform domain.Platform
	kind     domain.AccountType
	accounts []simulator.Account
	faults   map[string][]simulator.Fault // by account
	app      []simulator.Fault            // of all accounts
	subject  string                       // one with faults, which is also read without the others that have some
}

func newUnkindWorld(seed uint64) *unkindWorld {
	kinds := []struct {
		platform domain.Platform
		kind     domain.AccountType
	}{
		{domain.Facebook, 0},
		{domain.Instagram, 0},
		{domain.LinkedIn, domain.LinkedInCompanyPage},
		{domain.LinkedIn, domain.LinkedInProfile},
		{domain.TikTok, 0},
	}
	k := kinds[seed%uint64(len(kinds))]
	w := &unkindWorld{seed: seed, platform: k.platform, kind: k.kind, faults: map[string][]simulator.Fault{}}
	draw := rand.New(rand.NewPCG(seed, 52))
	for n := range 4 {
		w.accounts = append(w.accounts, simulator.Account{
			ID: fmt.Sprintf("70%d", n+1), PostsFrom: worldBegins.AddDate(0, 0, -10-draw.IntN(30)), PostEvery: time.Duration(40+draw.IntN(60)) * time.Hour,
		})
	}
	sim, ends := w.simulator(func() time.Time { return worldBegins }), worldBegins.AddDate(0, 0, worldDays)
	for _, a := range w.accounts[2:] { // the others are treated kindly
		if w.faults[a.ID] = sim.Unkind(seed, w.platform, a.ID, worldBegins, ends); len(w.faults[a.ID]) > 0 {
			w.subject = a.ID
		}
	}
	if (k.platform == domain.Facebook || k.platform == domain.Instagram) && draw.IntN(3) == 0 {
		from := worldBegins.AddDate(0, 0, 2+draw.IntN(8))
		w.app = []simulator.Fault{{Kind: simulator.AppBlocked, From: from, Until: from.Add(time.Duration(6+draw.IntN(60)) * time.Hour)}}
	}
	return w
}

func (u *unkindWorld) simulator(now func() time.Time) *simulator.Server {
	sim := simulator.New(simulator.Config{Seed: u.seed, Clock: now, MetaPerDay: -1, LinkedInPerDay: -1, TikTokPerMinute: -1})
	for _, a := range u.accounts {
		sim.Add(u.platform, u.kind, a)
	}
	return sim
}

func (u *unkindWorld) String() string {
	lines := []string{fmt.Sprintf("%s=%d: %s, type %d", draws.WorldVariable, u.seed, u.platform, u.kind)}
	for _, f := range u.app {
		lines = append(lines, fmt.Sprintf("  all accounts: %+v", f))
	}
	for _, id := range slices.Sorted(maps.Keys(u.faults)) {
		for _, f := range u.faults[id] {
			lines = append(lines, fmt.Sprintf("  %s: %+v", id, f))
		}
	}
	return strings.Join(lines, "\n")
}

// faulty are the faults of a run: those of the app and of the account.
func (u *unkindWorld) faulty(id string) []simulator.Fault { return slices.Concat(u.app, u.faults[id]) }

// of are the faults of a run of some accounts.
func (u *unkindWorld) of(faults func(id string) []simulator.Fault, chosen func(id string) bool) map[string][]simulator.Fault {
	of := map[string][]simulator.Fault{}
	for _, a := range u.accounts {
		if chosen(a.ID) {
			of[a.ID] = faults(a.ID)
		}
	}
	return of
}

// verdict is what is stored of the last attempt to read an account.
type verdict struct {
	at   time.Time
	kind string
	code domain.StatusCode
}

// history is what a run has made of one account.
type history struct {
	id         string
	calls      int
	read       []time.Time            // live readings of the account
	posts      map[string][]time.Time // readings of posts
	counted    []string               // ids of the posts that the tables have at the end
	figures    []string               // all that was recorded, in the order of the log
	dayValues  map[string]int64
	reconnects []domain.ConnectionStateChanged
	verdicts   []verdict
}

// unkindRun reads a world for some weeks of simulated time, with the real clients, collector and tables.
type unkindRun struct {
	*testing.T
	world   *unkindWorld
	faults  map[string][]simulator.Fault
	clock   time.Time
	sim     *simulator.Server
	log     *ledgertest.Log
	secrets *vault.Secrets
	states  vault.Fetching
	collect *collect.Collector
	by      map[string]*history

	mu     sync.Mutex
	tokens map[string]string // account by its token
}

// run reads the accounts that have an entry of faults.
func (u *unkindWorld) run(t *testing.T, name string, faults map[string][]simulator.Fault) (by map[string]*history) {
	t.Helper()
	require.True(t, t.Run(name, func(t *testing.T) { by = u.read(t, faults) }))
	return by
}

func (u *unkindWorld) read(t *testing.T, faults map[string][]simulator.Fault) map[string]*history {
	t.Helper()
	r := &unkindRun{T: t, world: u, faults: faults, clock: worldBegins, log: ledgertest.New(t), by: map[string]*history{}, tokens: map[string]string{}}
	r.sim = u.simulator(func() time.Time { return r.clock })
	pool := ledgertest.OpenFetching(t, r.log.DB.URL)
	r.secrets, r.states = ledgertest.Secrets(t, pool, ledgertest.Key), vault.Fetching{Pool: pool}
	gate := collect.NewGate(collect.GateConfig{Store: vault.Budgets{Pool: pool}, Limits: ledgertest.Unlimited(t), Now: r.now})
	config := ledgertest.At(ledgertest.Serve(t, r), "", "")
	config.HTTPClient, config.Now, config.Admit = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, r.now, gate.Admit
	c := r.log.Collect(pool, r.secrets, ledgertest.Clients(t, config), gate, r.now)
	c.GrowthWindow, c.AccountInterval, c.PostInterval = growth, accountEvery, postEvery
	r.collect = collect.New(c)
	r.connect()
	for ; r.clock.Before(worldBegins.AddDate(0, 0, worldDays)); r.clock = r.clock.Add(look) {
		r.people()
		for _, kind := range []string{domain.FetchTokens, domain.FetchAccounts, domain.FetchPosts} {
			r.round(domain.FetchQueue{Kind: kind, Platform: u.platform})
		}
	}
	r.gather()
	r.counts()
	return r.by
}

func (u *unkindRun) now() time.Time { return u.clock }

// ServeHTTP counts the calls of each account, each request of a batch as one.
func (u *unkindRun) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	calls := 1
	if q.Method == http.MethodPost && strings.HasPrefix(q.URL.Path, simulator.PathFacebook) {
		var batch []json.RawMessage
		_ = q.ParseForm()
		_ = json.Unmarshal([]byte(q.PostForm.Get("batch")), &batch)
		calls = max(1, len(batch))
	}
	token := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = q.FormValue("access_token")
	}
	u.mu.Lock()
	if h := u.by[u.tokens[token]]; h != nil {
		h.calls += calls
	}
	u.mu.Unlock()
	u.sim.ServeHTTP(w, q)
}

func socialID(n int) int64 { return int64(n + 1) }

func (u *unkindRun) connect() {
	w := u.world
	entities := []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: worldAgency, Active: true},
		domain.DirectoryAccount{ID: worldClient, ParentAccount: worldAgency, Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: worldAgency, StartsAt: worldBegins.AddDate(-1, 0, 0)},
	}
	for n, a := range w.accounts {
		if _, chosen := u.faults[a.ID]; !chosen {
			continue
		}
		ref := "connection/" + a.ID
		entities = append(entities,
			domain.DirectoryConnection{ID: 1000 + socialID(n), MemberID: worldMember, Platform: w.platform, AccountType: w.kind, SecretRef: ref},
			domain.DirectorySocialAccount{
				ID: socialID(n), ParentAccount: worldAgency, AccountID: worldClient, MemberID: worldMember, ConnectionID: 1000 + socialID(n),
				Platform: w.platform, AccountType: w.kind, ExternalID: a.ID, Connected: true,
			})
		u.by[a.ID] = &history{id: a.ID, posts: map[string][]time.Time{}, dayValues: map[string]int64{}}
		u.sim.SetTraps(w.platform, a.ID, simulator.Traps{Faults: u.faults[a.ID]})
		u.signIn(a.ID)
	}
	u.log.Put(u, entities...)
}

// signIn stores the tokens of an account as a sign-in does.
func (u *unkindRun) signIn(id string) {
	generated := u.sim.Tokens(u.world.platform, id)
	u.tokens[generated.Access] = id
	tokens := commands.StoredTokens{AccessToken: generated.Access}
	sealed, err := commands.EncodeTokens(tokens)
	require.NoError(u, err)
	require.NoError(u, u.secrets.Put(u.Context(), "connection/"+id, sealed, tokens.Times(u.clock)))
}

// people are what people do at a time: they sign in once their platform lets them, and the main application registers the
// posts that it publishes to profiles, which no one can list.
func (u *unkindRun) people() {
	for n, a := range u.world.accounts {
		for _, f := range u.faults[a.ID] {
			if problemsOf(u.world.platform, f.Kind).signIn && !f.Until.After(u.clock) && f.Until.After(u.clock.Add(-look)) {
				u.signIn(a.ID)
			}
		}
		if _, chosen := u.faults[a.ID]; !chosen || u.world.kind != domain.LinkedInProfile {
			continue
		}
		var facts []commands.Fact
		for _, p := range u.sim.Posts(u.world.platform, a.ID, u.clock) {
			if u.clock.After(worldBegins) && !p.Created.After(u.clock.Add(-look)) {
				continue
			}
			facts = append(facts, domain.PostRegistered{
				Tenant:   domain.Tenant{ParentAccount: worldAgency, AccountID: worldClient, MemberID: worldMember, SocialAccount: socialID(n)},
				Platform: u.world.platform, AccountType: u.world.kind, ExternalID: p.ID, Origin: domain.OriginMainApp, RegisteredAt: u.clock, PublishedAt: &p.Created,
			})
		}
		for _, err := range collect.Record(u.Context(), u.log, u.clock, facts...) {
			require.NoError(u, err)
		}
	}
}

// round reads what is due, as the scheduler does.
func (u *unkindRun) round(queue domain.FetchQueue) {
	ctx := u.Context()
	if whole := u.clock.Sub(worldBegins)%accountEvery == 0; !whole { // only what failed is due in between
		if !ledgertest.Value[bool](u, u.states.Pool, `select exists (select from fetch_state where kind = $1 and p_id = $2 and due_at <= $3)`,
			queue.Kind, int(queue.Platform), u.clock) {
			return
		}
	}
	claim, err := u.collect.Claim(ctx, domain.FetchWanted{FetchQueue: queue, Limit: 1000, Lasts: time.Hour})
	require.NoError(u, err)
	if len(claim.Tasks) == 0 {
		return
	}
	_, err = u.collect.Work(ctx, claim)
	require.NoError(u, err)
	require.NoError(u, u.states.Release(ctx, claim))
	type row struct {
		Account int64
		Code    domain.StatusCode
	}
	for _, failed := range ledgertest.Rows[row](u, u.states.Pool, `
		select social_account_id, reason ->> 'code' from fetch_state where kind = $1 and p_id = $2 and updated_at = $3 and reason is not null`,
		queue.Kind, int(queue.Platform), u.clock) {
		h := u.of(failed.Account)
		h.verdicts = append(h.verdicts, verdict{at: u.clock, kind: queue.Kind, code: failed.Code})
	}
}

// gather reads the log.
func (u *unkindRun) gather() {
	for _, topic := range []string{domain.TopicMetrics, domain.TopicOperations} {
		for _, record := range u.log.Records(topic) {
			ev, err := u.log.Decode(record)
			require.NoError(u, err)
			switch e := ev.Data.(type) {
			case domain.AccountRead:
				h := u.of(e.SocialAccount)
				if !e.Backfilled {
					h.read = append(h.read, e.CapturedAt)
				}
				for _, f := range e.Figures {
					if f.Kind == domain.DayFlow {
						h.dayValues[f.Name+" "+f.Day] = f.Value
					}
				}
				for i := range e.Demographics { // the platform's names of places are known from any account
					e.Demographics[i].Names = nil
				}
				slices.SortFunc(e.Figures, func(a, b domain.Figure) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
				h.figure(e)
			case domain.PostRead:
				h := u.of(e.SocialAccount)
				h.posts[e.ExternalID] = append(h.posts[e.ExternalID], e.CapturedAt)
				h.figure(e)
			case domain.PostRegistered:
				u.of(e.SocialAccount).figure(e)
			case domain.ConnectionStateChanged:
				h := u.of(e.ConnectionID - 1000)
				h.reconnects = append(h.reconnects, e)
			}
		}
	}
}

// counts reads which posts the tables have.
func (u *unkindRun) counts() {
	type post struct {
		Account int64
		ID      string
	}
	for _, p := range ledgertest.Rows[post](u, u.log.DB.ReadOnly, `select social_account_id, external_id from tSPosts`) {
		h := u.of(p.Account)
		h.counted = append(h.counted, p.ID)
	}
}

func (u *unkindRun) of(social int64) *history { return u.by[u.world.accounts[social-1].ID] }

func (h *history) figure(data domain.Data) {
	raw, _ := json.Marshal(data) //nolint:errchkjson // it was decoded from JSON
	h.figures = append(h.figures, data.EventType()+" "+string(raw))
}
