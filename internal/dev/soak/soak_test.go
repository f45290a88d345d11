package soak_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
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
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Runner{Tests: m, Autovacuum: true}.Run()) }

// Variables of the environment.
const (
	sizeVariable  = "LEDGERBOARD_SOAK"
	speedVariable = "LEDGERBOARD_SOAK_SPEED"
)

// size is how large a run is.
type size struct {
	connections int
	lasts       time.Duration  // compressed
	interval    time.Duration  // between two readings of an account
	limits      []domain.Quota // also the simulator's
	share       float64        // of the limits
	speed       float64        // the highest compression that is tried
	// strict runs fail where a quota is used unevenly or too little, or a new connection waits: their
	// time is not compressed, which magnifies the delays of a machine.
	strict bool
}

const tick = 30 * time.Second // compressed

// compressedShare of the quotas is less than in production, because compressed time magnifies jitter.
const compressedShare = 0.75

// leastStrict is the number of connections below which a strict run would not use up its quota of TikTok,
// which has at least ten calls.
const leastStrict = 400

// sizeOf returns the size with a name, or that of a strict run with a number of connections.
func sizeOf(name string) (s size, ok bool) {
	const day = 24 * time.Hour
	limits := func(linkedIn, tikTok int) []domain.Quota {
		return []domain.Quota{
			{Platform: domain.Facebook, Scope: domain.QuotaPerAccount, Calls: 2000, Window: day},
			{Platform: domain.Instagram, Scope: domain.QuotaPerAccount, Calls: 4000, Window: day},
			{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: linkedIn, Window: day},
			{Platform: domain.TikTok, Scope: domain.QuotaPerOperation, Calls: tikTok, Window: time.Minute},
		}
	}
	switch n, err := strconv.Atoi(name); {
	// LinkedIn and TikTok are given less than their connections would use, so that quotas decide.
	case name == "ci":
		return size{2000, 2 * time.Hour, 15 * time.Minute, limits(300_000, 40), compressedShare, 30, false}, true
	case name == "full":
		return size{20_000, 10 * time.Hour, 30 * time.Minute, limits(3_000_000, 300), compressedShare, 30, false}, true
	case err == nil && n >= leastStrict: // a round through TikTok's connections takes 11 minutes
		return size{n, 35 * time.Minute, 10 * time.Minute, limits(1000*n, n/40), 0.9, 1, true}, true
	default:
		return s, false
	}
}

func TestSoak(t *testing.T) {
	name := os.Getenv(sizeVariable)
	if name == "" {
		t.Skip(sizeVariable + " is not set to ci, full or a number of connections")
	}
	what, ok := sizeOf(name)
	require.True(t, ok, "%s is %q, and not ci, full or a number of connections of at least %d", sizeVariable, name, leastStrict)
	speed := what.speed
	if text := os.Getenv(speedVariable); text != "" {
		var err error
		speed, err = strconv.ParseFloat(text, 64)
		require.NoError(t, err)
	}
	for ; ; speed /= 2 {
		keptUp := false
		t.Run(fmt.Sprintf("speed %v", speed), func(t *testing.T) {
			run := newRun(t, what, speed)
			run.fetch()
			if keptUp = run.keptUp(); keptUp || speed/2 < slowest {
				run.judge()
				if what.strict {
					run.newcomers()
				}
			}
		})
		if keptUp || speed/2 < slowest {
			return
		}
		t.Log("the machine does not keep up at this compression: half of it is tried")
	}
}

// slowest is the least compression that is tried on a machine that is slow or busy.
const slowest = 7

// keptUp tells whether the machine did the claims' work in their time, once the first round was through:
// claims that were cut on platforms without a quota for the whole app say nothing about the fetchers.
func (r *run) keptUp() bool {
	now := r.claims()
	missed, all := now.missed-r.warmedUp.missed, now.all-r.warmedUp.all
	r.Logf("%.0f of %.0f claims were missed by the machine (%.0f of %.0f before)", missed, all, r.warmedUp.missed, r.warmedUp.all)
	return missed <= all/missable
}

// claims are counts of the schedulers.
type claims struct {
	missed, failed, all float64
	done                []float64 // of each process
}

func (r *run) claims() (n claims) {
	for i, counts := range r.stack.Counts {
		n.done = append(n.done, 0)
		for name, value := range ledgertest.Metrics(r, counts) {
			var kind, outcome, platform string
			if read, _ := fmt.Sscanf(name, "ledgerboard_fetch_claims_total %s %s %s", &kind, &outcome, &platform); read < 3 {
				continue
			}
			n.all += value
			switch free := platform == "facebook" || platform == "instagram"; {
			case outcome == "done":
				n.done[i] += value
			case outcome == "failed":
				n.failed += value
			case outcome == "cut" && free:
				n.missed += value
			}
		}
	}
	return n
}

// missable: one in so many claims may be missed by the machine.
const missable = 20

// warmUp is the part of a run in which all that is due at once at the start is worked off.
const warmUp = 0.2

// run is one soak.
type run struct {
	*testing.T
	size
	clock *soak.Clock
	world *soak.World
	sim   *simulator.Server
	stack *soak.Stack
	begin time.Time

	warmedUp claims
	end      time.Time // compressed: when fetching ended
}

func newRun(t *testing.T, what size, speed float64) *run {
	r := &run{T: t, size: what, clock: soak.NewClock(time.Now().Truncate(time.Second), speed), world: soak.NewWorld(what.connections)}
	limit := func(p domain.Platform) int {
		i := slices.IndexFunc(what.limits, func(l domain.Quota) bool { return l.Platform == p })
		return what.limits[i].Calls
	}
	r.sim = simulator.New(simulator.Config{
		Seed: 7, Clock: r.clock.Now, MetaPerDay: limit(domain.Instagram),
		LinkedInPerDay: limit(domain.LinkedIn), TikTokPerMinute: limit(domain.TikTok),
	})
	made := r.clock.Now()
	r.stack = soak.Open(t, soak.Config{
		DatabaseURL: pgtest.New(t).URL, Clock: r.clock, Sim: r.sim, World: r.world, Fetchers: 2,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Connected: func(a soak.Account, account *simulator.Account, tokens *commands.StoredTokens) {
			account.PostsFrom, account.PostEvery = made.Add(-48*time.Hour), 24*time.Hour
			if a.Platform == domain.TikTok { // all of its tokens, a quarter of all, end at once; the others' outlive the run
				account.AccessExpires = made.Add(time.Hour).Truncate(time.Second)
				tokens.ExpiresAt = account.AccessExpires
			}
		},
		Quota: collect.GateConfig{Limits: what.limits, Share: what.share, BreakerOpen: 2 * time.Second},
		Collect: collect.Config{
			GrowthWindow: 168 * time.Hour, AccountInterval: what.interval, PostInterval: what.lasts / 2, Backfill: 7 * 24 * time.Hour,
			Schedule: collect.Schedule{Every: map[string]time.Duration{
				domain.FetchAccounts: r.clock.Wall(tick), domain.FetchPosts: r.clock.Wall(tick), domain.FetchTokens: r.clock.Wall(5 * time.Minute),
			}},
		},
	})
	return r
}

// at is the instant after a part of the run.
func (r *run) at(part float64) time.Time { return r.begin.Add(time.Duration(part * float64(r.lasts))) }

// fetch runs the schedule, with faults, for the given compressed time.
func (r *run) fetch() {
	r.begin = r.clock.Now()
	r.end = r.at(1)
	r.sim.SetOutages(simulator.Outage{Platform: domain.Instagram, From: r.at(0.40), Until: r.at(0.55)})
	ctx, stop := context.WithTimeout(r.Context(), r.clock.Wall(r.lasts))
	var running sync.WaitGroup
	defer running.Wait() // also where the stack fails
	defer stop()
	running.Go(func() { r.faults(ctx) })
	running.Go(func() {
		time.Sleep(time.Duration(warmUp * float64(r.clock.Wall(r.lasts))))
		r.warmedUp = r.claims()
	})
	require.NoError(r, r.stack.Run(ctx))
	running.Wait()
	r.stack.CatchUp(r)
}

// Parts of the world that faults concern: one in so many connections.
const (
	failEvery    = 20 // calls: 5 % answer 502 with HTML
	throttledOne = 40 // connections that are throttled for a while
	dyingOne     = 50 // connections whose token dies for good
)

// throttleMinutes is what a throttled connection must wait.
const throttleMinutes = 5

// dies tells whether an account's token dies in the course of the run.
func dies(a soak.Account) bool { return a.SocialAccount%dyingOne == 7 }

// faults makes things go wrong, by the parts of the run: from a quarter on some connections are throttled
// for a quarter; at half time some tokens die. Errors are on all the time.
func (r *run) faults(ctx context.Context) {
	for _, part := range []float64{0, 0.25, 0.50} {
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.clock.Wall(r.at(part).Sub(r.clock.Now()))):
		}
		for _, a := range r.world.Accounts {
			traps := simulator.Traps{FailEvery: failEvery}
			wholeApp := a.Platform == domain.LinkedIn || a.Platform == domain.TikTok // throttling would hold the whole app
			if part == 0.25 && a.SocialAccount%throttledOne == 3 && !wholeApp {
				traps.Throttle = &simulator.Throttle{Code: 80001, Minutes: throttleMinutes}
			}
			if part == 0.50 && dies(a) {
				traps.TokenError = 460
			}
			r.sim.SetTraps(a.Platform, a.ExternalID, traps)
		}
	}
}

// judge asserts what must hold, and prints what was measured.
func (r *run) judge() {
	ledger := r.stack.Read(r)
	require.Empty(r, ledger.Wrong)
	counts := r.claims()
	for _, done := range counts.done {
		require.Greater(r, done, counts.all/10, "each process takes its part")
	}
	require.Less(r, counts.failed, counts.all/missable, "claims that failed on our own side")
	require.Positive(r, ledger.Backfilled)
	r.withinLimits()
	r.states(ledger)
	r.tables(ledger)
	stats, calls := r.sim.Stats(), map[string]int64{}
	for op, n := range stats.Calls {
		platform, _, _ := strings.Cut(op, "/")
		calls[platform] += n
	}
	r.fair(domain.LinkedIn, ledger, calls["linkedin"])
	r.fair(domain.TikTok, ledger, stats.Calls["tiktok/user_info"])
	var starved []string
	for _, p := range domain.Platforms() {
		starved = append(starved, r.starved(p, ledger, calls[p.String()])...)
	}
	require.Empty(r, starved)
}

// withinLimits: no window of a quota was exceeded.
func (r *run) withinLimits() {
	for op, n := range r.sim.Stats().Throttled {
		require.Zero(r, n, "calls beyond the limit of %s", op)
	}
}

// states: every connection whose token died was marked once, and no other one.
func (r *run) states(ledger *soak.Ledger) {
	dead := 0
	for _, a := range r.world.Accounts {
		marked := ledger.Reconnects[a.Connection]
		if !dies(a) {
			// A page that two agencies connect has one account in the simulator.
			if !slices.ContainsFunc(r.world.Accounts, func(b soak.Account) bool { return b.ExternalID == a.ExternalID && dies(b) }) {
				require.Zero(r, marked, "connection %d of %s", a.Connection, a.Platform)
			}
			continue
		}
		require.LessOrEqual(r, marked, 1, "connection %d of %s", a.Connection, a.Platform)
		dead += marked
	}
	require.Positive(r, dead)
	require.Empty(r, ledger.Recovered)
	r.Logf("%d connections marked for sign-in, each once", dead)
}

// tables: the read model has every live reading of the log.
func (r *run) tables(ledger *soak.Ledger) {
	live := 0
	for _, at := range ledger.Readings {
		live += len(at)
	}
	require.Equal(r, live, ledgertest.Value[int](r, r.stack.Pool, `select count(*) from tSAccountIns where not backfilled`))
	require.Equal(r, ledger.Posts, ledgertest.Value[int](r, r.stack.Pool, `select count(*) from tSPostInsights`))
	wall := r.clock.Wall(r.lasts).Seconds()
	r.Logf("%d account readings and %d post readings in %.0f s: %.0f a second", live, ledger.Posts, wall, float64(live+ledger.Posts)/wall)
}

// pauses are the pauses that a connection's failures have asked for up to now.
type pauses struct {
	ID        int64
	Failures  int
	NotBefore *time.Time
}

func (r *run) pauses() map[int64]pauses {
	byID := map[int64]pauses{}
	for _, p := range ledgertest.Rows[pauses](r, r.stack.Pool, `
		select social_account_id, failures, greatest(due_at, not_before) from kept.fetch_state where kind = $1 and reason is not null`, domain.FetchAccounts) {
		byID[p.ID] = p
	}
	return byID
}

// starved names the connections of a platform that were read too long ago.
func (r *run) starved(p domain.Platform, ledger *soak.Ledger, calls int64) (starved []string) {
	accounts := r.world.Of(p)
	readings := 0
	for _, a := range accounts {
		readings += len(ledger.Readings[a.SocialAccount])
	}
	require.Positive(r, readings, "%s", p)
	if p == domain.TikTok { // each endpoint has a budget of its own
		calls = r.sim.Stats().Calls["tiktok/user_info"]
	}
	// A reading that comes late by most of its interval is followed by the next but one.
	bound := 2*max(r.interval, r.quotaTime(p, len(accounts), float64(calls)/float64(readings))) + tick
	waiting := r.pauses()
	var ages []time.Duration
	for _, a := range accounts {
		if ledger.Reconnects[a.Connection] > 0 {
			continue
		}
		newest := ledger.Newest(a.SocialAccount)
		if newest.IsZero() {
			newest = r.begin // never read: waits since then
		}
		age := r.end.Sub(newest)
		allowed := bound
		if w, failing := waiting[a.SocialAccount]; failing {
			for n := range w.Failures {
				allowed += min(time.Hour, 30*time.Second<<n) + tick
			}
			if w.NotBefore != nil && w.NotBefore.After(newest.Add(allowed)) {
				allowed = w.NotBefore.Sub(newest) + tick // what the platform itself asked for
			}
		}
		ages = append(ages, age)
		if age > allowed {
			starved = append(starved, fmt.Sprintf("%s account %d was read %s ago, allowed are %s (%+v)", p, a.SocialAccount, age, allowed, waiting[a.SocialAccount]))
		}
	}
	slices.Sort(ages)
	r.Logf("%s: %d connections, %d readings, %d calls; age of the newest: median %s, oldest %s; bound %s; %d starved",
		p, len(accounts), readings, calls, ages[len(ages)/2].Round(time.Second), ages[len(ages)-1].Round(time.Second), bound.Round(time.Second), len(starved))
	return starved
}

// fair compares the longest interval between readings of each connection that shares a bucket with
// the median of all of them, after the warm-up, and measures the use of the bucket.
func (r *run) fair(p domain.Platform, ledger *soak.Ledger, calls int64) {
	begin := r.at(warmUp)
	var all, longest []time.Duration
	for _, a := range r.world.Of(p) {
		if ledger.Reconnects[a.Connection] > 0 {
			continue
		}
		at := slices.DeleteFunc(slices.Clone(ledger.Readings[a.SocialAccount]), func(t time.Time) bool { return t.Before(begin) })
		slices.SortFunc(at, time.Time.Compare)
		most := time.Duration(0)
		for i := 1; i < len(at); i++ {
			all, most = append(all, at[i].Sub(at[i-1])), max(most, at[i].Sub(at[i-1]))
		}
		longest = append(longest, most)
	}
	slices.Sort(all)
	slices.Sort(longest)
	if len(all) == 0 {
		require.False(r, r.strict, "%s: no two readings of a connection", p)
		r.Logf("%s: no two readings of a connection", p)
		return
	}
	median, most := all[len(all)/2], longest[len(longest)-1]
	allowed := 0.0
	for _, l := range r.limits {
		if l.Platform == p {
			allowed = r.share * float64(l.Calls) * r.lasts.Seconds() / l.Window.Seconds()
		}
	}
	r.Logf("%s: interval: median %s, p99 of the longest %s, longest %s: %.2f of the median; %d of %d calls of the share: %.2f",
		p, median.Round(time.Second), longest[len(longest)*99/100].Round(time.Second), most.Round(time.Second),
		most.Seconds()/median.Seconds(), calls, int(allowed), float64(calls)/allowed)
	if r.strict && p == domain.TikTok { // LinkedIn's quota is not used up
		require.LessOrEqual(r, most.Seconds()/median.Seconds(), 1.5, "the longest interval")
		require.GreaterOrEqual(r, float64(calls)/allowed, 0.85, "the use of the budget")
	}
}

// newcomers connects pages while all others are overdue: their first readings begin within 10 s. The
// budgets of single accounts and what is kept of LinkedIn's have room; TikTok's may be used up.
func (r *run) newcomers() {
	kept := ledgertest.OpenFetching(r, r.stack.DatabaseURL)
	ledgertest.Exec(r, kept, `
		update fetch_state set due_at = due_at - interval '1 day', not_before = null where kind = $1`, domain.FetchAccounts)
	stop := ledgertest.Run(r, r.stack.Run)
	r.await("a claim", `select exists (select from kept.fetch_state where kind = $1 and claimed_until > now())`, domain.FetchAccounts)
	added := r.world.Grow(8)
	r.stack.Connect(r, added)
	var ids []int64
	for _, a := range added {
		ids = append(ids, a.SocialAccount)
	}
	r.await("the new pages", `select count(*) = $2 from tSAccounts where id = any($1)`, ids, len(ids))
	shown := r.clock.Now()
	for _, p := range domain.Platforms() {
		require.NoError(r, vault.Wake(r.Context(), kept, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: p}))
	}
	overdue := ledgertest.Value[int](r, r.stack.Pool, `select count(*) from kept.fetch_state where kind = $1 and due_at < $2`,
		domain.FetchAccounts, shown.Add(-12*time.Hour))
	r.await("first readings", `select count(*) = $2 from kept.fetch_state where kind = $3 and social_account_id = any($1) and read_at is not null`,
		ids, len(ids), domain.FetchAccounts)
	stop()
	r.withinLimits()
	ledger := r.stack.Read(r)
	for _, a := range added {
		waited := r.clock.Wall(ledger.Readings[a.SocialAccount][0].Sub(shown))
		r.Logf("%s: a new page waited %s while %d connections were overdue", a.Platform, waited.Round(time.Millisecond), overdue)
		if a.Platform != domain.TikTok {
			require.LessOrEqual(r, waited, 10*time.Second)
		}
	}
}

// await waits until a query returns true.
func (r *run) await(what, query string, args ...any) {
	r.Logf("waiting for %s", what)
	ledgertest.Await(r, func(ctx context.Context) (came bool, err error) {
		err = r.stack.Pool.QueryRow(ctx, query, args...).Scan(&came)
		return came, err
	}, func(came bool) bool { return came })
}

// unused is granted for what a budget cannot be used for: the time from a claim to its first
// call, which compression makes long, and posts, whose rounds take their part at once.
const unused = 1.25

// quotaTime is how long the platform's quota takes for one reading of every connection.
func (r *run) quotaTime(p domain.Platform, connections int, callsPerReading float64) time.Duration {
	longest := time.Duration(0)
	for _, l := range r.limits {
		if l.Platform != p {
			continue
		}
		perSecond := r.share * float64(l.Calls) / l.Window.Seconds()
		n := float64(connections)
		if l.Scope == domain.QuotaPerAccount {
			n = 1
		}
		longest = max(longest, time.Duration(n*callsPerReading/perSecond*unused*float64(time.Second)))
	}
	return longest
}
