package collect_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// rates are what a gate makes of limits.
func rates(t require.TestingT, p domain.Platform, texts ...string) []quota.Budget {
	gate := quota.New(quota.Config{Store: noStore{}, Limits: ledgertest.Limits(t, texts...)})
	return gate.Rates(p)
}

// paceOf is how often profiles of LinkedIn are read where there are so many, and so many pages.
func paceOf(t *testing.T, limit string, profiles, pages int) domain.Pace {
	t.Helper()
	demand := collect.Demand{
		Platform: domain.LinkedIn, Accounts: 30 * time.Second, Posts: halfDay,
		Connections: map[domain.AccountType]int{domain.LinkedInProfile: profiles, domain.LinkedInCompanyPage: pages},
	}
	return collect.PaceOf(domain.FetchAccounts, domain.LinkedInProfile, demand, rates(t, domain.LinkedIn, limit))
}

// noStore keeps no budgets: nothing is drawn.
type noStore struct{ quota.Store }

// What readings are reckoned with is what they cost.
func TestCallsOfReadingsAreAsMeasured(t *testing.T) {
	t.Parallel()
	measured, reckoned := map[string]int{}, map[string]int{}
	for _, test := range []struct {
		platform domain.Platform
		account  domain.AccountType
	}{
		{domain.Facebook, 0},
		{domain.Instagram, 0},
		{domain.TikTok, 0},
		{domain.LinkedIn, domain.LinkedInProfile},
		{domain.LinkedIn, domain.LinkedInCompanyPage},
	} {
		s := newFetchStage(t)
		s.connectWithPosts(test.platform, test.account)
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
			require.Empty(t, s.round(kind, test.platform)) // the first one looks whose the token is, and for old posts
			s.clock.Advance(halfDay)
			before := s.calls("")
			require.Empty(t, s.round(kind, test.platform))
			what := fmt.Sprintf("%s of %s, type %d", kind, test.platform, test.account)
			read, _ := test.platform.Kind(test.account)
			measured[what], reckoned[what] = s.calls("")-before, read.Calls[kind]
		}
	}
	require.Equal(t, measured, reckoned)
}

func TestPaceIsShownToPeople(t *testing.T) {
	t.Parallel()
	page := collect.Demand{Platform: domain.Facebook, Connections: map[domain.AccountType]int{0: 7}, Accounts: time.Hour, Posts: 12 * time.Hour}
	for want, pace := range map[string]domain.Pace{
		"every 262 minutes: 100 calls a day, 7 a reading of a profile":                        paceOf(t, "linkedin:account:100/24h", 1, 0),
		"every 28 hours: 500 calls a day for 40 connections, 7 a reading of a profile":        paceOf(t, "linkedin:app:500/24h", 30, 10),
		"every 263 seconds: 100,000 calls a day for 40 connections, 7 a reading of a profile": paceOf(t, "linkedin:app:100000/24h", 30, 10),
		"every 1 hour, as configured: 2 calls a reading":                                      collect.PaceOf(domain.FetchAccounts, 0, page, rates(t, domain.Facebook)),
		"every 12 hours, as configured: 9 calls a reading":                                    collect.PaceOf(domain.FetchPosts, 0, page, nil),
	} {
		require.Equal(t, want, pace.String())
	}
}

// Whatever the quotas, connections and intervals are: over a long time the readings of all
// connections, each at its pace, make no more calls than the quota has, leave something for the
// rest, starve nobody, and nobody is read more often than configured.
func TestPaceKeepsQuotas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		const p = domain.LinkedIn
		scope := rapid.SampledFrom([]domain.QuotaScope{domain.QuotaPerApp, domain.QuotaPerAccount}).Draw(r, "scope")
		limit := domain.Quota{Platform: p, Scope: scope, Calls: rapid.IntRange(50, 5000).Draw(r, "calls"), Window: 24 * time.Hour}
		gate := quota.New(quota.Config{Store: noStore{}, Limits: []domain.Quota{limit}})
		demand := collect.Demand{
			Platform: p, Connections: map[domain.AccountType]int{
				domain.LinkedInProfile:     rapid.IntRange(1, 40).Draw(r, "profiles"),
				domain.LinkedInCompanyPage: rapid.IntRange(0, 40).Draw(r, "pages"),
			},
			Accounts: time.Duration(rapid.IntRange(30, 86_400).Draw(r, "interval")) * time.Second, Posts: 12 * time.Hour,
		}
		var days float64 = 30
		begin := fetchDay
		end := begin.Add(time.Duration(days) * 24 * time.Hour)
		sum := 0.0
		id := int64(0)
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
			for account, n := range demand.Connections {
				pace := collect.PaceOf(kind, account, demand, gate.Rates(p))
				require.GreaterOrEqual(r, pace.Every, pace.Wanted)
				perAccount := 0.0
				for range n {
					id++
					late := time.Duration(rapid.IntRange(0, 30).Draw(r, "late")) * time.Second
					due, reads := begin, 0
					for due.Before(end) {
						began := due.Add(late)
						reads++
						next := collect.NextReading(pace, due, began, reads == 1, id)
						require.False(r, next.Before(due.Add(pace.Wanted)), "more often than configured")
						require.LessOrEqual(r, next.Sub(began), 2*pace.Every, "starved")
						due = next
					}
					perAccount = float64(reads*pace.Calls) / days
					sum += perAccount
				}
				if scope == domain.QuotaPerAccount && n > 0 {
					require.LessOrEqual(r, perAccount, float64(limit.Calls)+2*float64(pace.Calls)/days, "%s of one account", kind)
				}
			}
		}
		if scope == domain.QuotaPerApp {
			// The first readings come at once, and are one more for each connection.
			require.LessOrEqual(r, sum, float64(limit.Calls)*0.95+float64(14*id)/days)
		}
	})
}

// Connections that were made at one moment are read at different ones, when the quota sets the
// pace.
func TestConnectionsDoNotBunch(t *testing.T) {
	t.Parallel()
	pace := paceOf(t, "linkedin:app:50000/24h", 1000, 0)
	parts := make([]int, 10)
	for id := range int64(1000) {
		due := fetchDay
		for n := range 5 {
			due = collect.NextReading(pace, due, due.Add(time.Second), n == 0, id)
		}
		parts[due.Sub(fetchDay)%pace.Every*10/pace.Every]++
	}
	require.Greater(t, slices.Min(parts), 60)
	require.Less(t, slices.Max(parts), 140)
}

// When connections come or go, the others are read as far apart as before: their due times move by
// the change of the pace alone. What was late by more than a turn finds a place of its own again.
func TestPaceThatChangesMovesNobodyFar(t *testing.T) {
	t.Parallel()
	before, after := paceOf(t, "linkedin:app:50000/24h", 1000, 0), paceOf(t, "linkedin:app:50000/24h", 1001, 0)
	require.Greater(t, after.Every, before.Every)
	places := map[time.Time]bool{}
	for id := range int64(50) {
		due := collect.NextReading(before, fetchDay, fetchDay, true, id)
		next := collect.NextReading(after, due, due.Add(time.Second), false, id)
		require.Equal(t, after.Every, next.Sub(due))
		late := due.Add(3 * after.Every)
		places[collect.NextReading(after, due, late, false, id)] = true
		require.LessOrEqual(t, collect.NextReading(after, due, late, false, id).Sub(late), 2*after.Every)
	}
	require.Greater(t, len(places), 45)
}

// Many were connected a moment after a process has counted, and another one has found them due: the
// claim's pace is that of all of them, or they would be due again at once. So is that of a claim of
// one of them, and of a claim of more than were counted.
func TestClaimsKnowOfThoseConnectedSinceTheCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accounts int // of the claim
		read     bool
	}{"all": {13, false}, "one that is new": {1, false}, "more than were counted": {13, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			finds, works := s.processWithin(ledgertest.Limits(t, "linkedin:app:50000/24h")), s.processWithin(ledgertest.Limits(t, "linkedin:app:50000/24h"))
			queue := queueOf(domain.FetchAccounts, domain.LinkedIn)
			accounts := []connected{s.connect(domain.LinkedIn, domain.LinkedInProfile)}
			_, err := works.Due(t.Context(), queue, tick)
			require.NoError(t, err)
			for range 12 {
				accounts = append(accounts, s.connect(domain.LinkedIn, domain.LinkedInProfile))
			}
			s.clock.Advance(time.Second)
			due, err := finds.Due(t.Context(), queue, tick)
			require.NoError(t, err)
			require.Len(t, due, len(accounts))
			claim := s.claimOf(due[:c.accounts], domain.FetchAccounts, domain.LinkedIn)
			if c.read {
				s.exec(`update fetch_state set read_at = $1`, s.clock.Now().Add(-time.Hour))
			}
			require.NoError(t, works.Work(t.Context(), claim))
			for _, a := range accounts {
				if slices.Contains(claim.Accounts, a.ID) {
					require.Greater(t, s.state(domain.FetchAccounts, a).DueAt, s.clock.Now().Add(tick), "social account %d", a.ID)
				}
			}
		})
	}
}

// inDevelopment is a stage where LinkedIn gives our app what it gives an app in development, and
// nobody has set a quota.
func inDevelopment(t *testing.T, change ...func(*collect.Config)) *fetchStage {
	t.Helper()
	s := newFetchStage(t)
	s.simulate(simulator.Config{LinkedInPerDay: 500, LinkedInPerUser: 100})
	s.collect = s.processWithin(ledgertest.Limits(t), append(change, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })...)
	return s
}

const (
	day      = 24 * time.Hour
	refilled = 2 * time.Hour // posts may have taken a member's calls: so long it takes until there are those of a reading again
)

// passes lets LinkedIn be read for so long.
func (s *fetchStage) passes(d time.Duration) {
	s.t.Helper()
	const step = 10 * time.Minute
	for range d / step {
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
			s.roundWithin(tick, kind, domain.LinkedIn)
		}
		s.clock.Advance(step)
	}
}

// At the defaults many are read all day long, as often as their pace says: LinkedIn refuses no call
// of an app in development. On the first day everything comes at once, with posts and history, and
// still each is read whole.
func TestAppInDevelopmentIsReadAllDay(t *testing.T) {
	t.Parallel()
	s := inDevelopment(t)
	s.clock.Advance(12 * time.Hour) // to midnight, when LinkedIn begins to count
	var all []connected
	for range 5 {
		all = append(all, s.connectWithPosts(domain.LinkedIn, domain.LinkedInProfile),
			s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage))
	}
	s.passes(day)
	second := s.clock.Now()
	s.passes(day)
	require.Empty(t, s.sim.Stats().Throttled, "LinkedIn refused calls")
	pace := s.collect.Slowest()[queueOf(domain.FetchAccounts, domain.LinkedIn)]
	require.True(t, pace.Quota.Assumed)
	for _, a := range all {
		require.True(t, s.state(domain.FetchAccounts, a).Backfilled)
		require.Positive(t, s.number(`select count(*) from tSPostInsights where social_account_id = $1`, a.ID))
		last := s.readings(a)[0]
		require.Less(t, last, second.Add(-day/2), "a new connection is read soon")
		for _, at := range append(s.readings(a), s.clock.Now()) {
			if last.After(second) {
				require.LessOrEqual(t, at.Sub(last), pace.Every+refilled, "account %d, type %d, %s", a.ID, a.AccountType, pace)
			}
			last = at
		}
	}
}

// pace is what is stored of how often an account is read.
func (s *fetchStage) pace(c connected) string {
	s.t.Helper()
	return only[domain.Pace](s, `select pace from kept.fetch_state where kind = $1 and social_account_id = $2`, domain.FetchAccounts, c.ID).String()
}

// The pace says that LinkedIn's quota is assumed to be that of an app in development, and where to
// set what an approved app has.
func TestAssumedQuotaIsLogged(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	s := inDevelopment(t, func(c *collect.Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
	s.round(domain.FetchAccounts, domain.LinkedIn)
	require.Empty(t, lines.String(), "there is no account of LinkedIn's")
	profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
	for range 2 {
		s.round(domain.FetchAccounts, domain.LinkedIn)
	}
	require.Equal(t, 1, strings.Count(lines.String(), `set="LEDGERBOARD_QUOTAS=linkedin:app:N/24h"`), lines.String())
	const told = "every 262 minutes: 100 calls a day (the quota of an app in development, because LEDGERBOARD_QUOTAS sets none), 7 a reading of a profile"
	require.Equal(t, told, s.collect.Slowest()[queueOf(domain.FetchAccounts, domain.LinkedIn)].String())
	require.Equal(t, told, s.pace(profile))
}

// LinkedIn counts by the member whose token it is: a profile and two pages that one person
// connected share that member's day, at a pace that says so, and LinkedIn never refuses a call of
// it.
func TestPagesOfOneMemberShareItsQuota(t *testing.T) {
	t.Parallel()
	s := inDevelopment(t)
	s.reach(t)
	given := s.signIn(domain.LinkedIn).Tokens
	accounts := s.mainApps(205, domain.LinkedIn, domain.LinkedInCompanyPage, "90041", "90042")
	profile := connected{domain.DirectorySocialAccount{
		ID: 2059, ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: 205, Platform: domain.LinkedIn,
		AccountType: domain.LinkedInProfile, ExternalID: "mLq7xW2a", Connected: true,
	}, accounts[0].ref}
	s.log.Put(t, profile.DirectorySocialAccount)
	s.store(profile, commands.StoredTokens{AccessToken: given.AccessToken, ExpiresAt: given.ExpiresAt})
	s.clock.Advance(12 * time.Hour)                                                                                     // to midnight: what the sign-in cost is of the day before
	s.collect = s.processWithin(ledgertest.Limits(t), func(c *collect.Config) { c.Backfill = collect.DefaultBackfill }) // nobody has set a quota

	const days = 3
	s.passes(days * day)
	require.Empty(t, s.sim.Stats().Throttled, "the member's day was used up")
	for _, account := range append(accounts, profile) {
		require.GreaterOrEqual(t, len(s.readings(account)), 2*days, account.ExternalID)
		require.Contains(t, s.pace(account), "100 calls a day for 3 connections")
	}
	for queue, pace := range s.collect.Slowest() {
		require.Equal(t, 3, pace.Sharing, "%s is reported as it is read", queue.Kind)
		require.True(t, pace.Quota.Assumed)
	}
}

// A quota of a day that holds few readings: each is whole or not begun, no call is spent for
// nothing, all posts are read in turn, the history comes in turns of its own, and the quota is
// kept.
func TestSmallQuotaIsSpentOnWholeReadings(t *testing.T) {
	t.Parallel()
	for _, scope := range []domain.QuotaScope{domain.QuotaPerAccount, domain.QuotaPerApp} {
		t.Run(string(scope), func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			limit := domain.Quota{Platform: domain.LinkedIn, Scope: scope, Calls: 100, Window: 24 * time.Hour}
			s.collect = s.processWithin([]domain.Quota{limit}, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })
			profile := s.connectWithPosts(domain.LinkedIn, domain.LinkedInProfile)
			const step, days = 10 * time.Minute, 10
			var made []int
			for range days * 24 * time.Hour / step {
				s.roundWithin(30*time.Second, domain.FetchAccounts, domain.LinkedIn)
				s.roundWithin(30*time.Second, domain.FetchPosts, domain.LinkedIn)
				made = append(made, s.calls(""))
				if before := len(made) - 1 - int(24*time.Hour/step); before >= 0 {
					require.LessOrEqual(t, made[len(made)-1]-made[before], limit.Calls, "in a day")
				}
				s.clock.Advance(step)
			}
			readings, posts := len(s.readings(profile)), 0
			for _, post := range fivePosts() {
				n := s.number(`select count(*) from tSPostInsights where external_id = $1`, post.ID)
				require.GreaterOrEqual(t, n, days/2, post.ID)
				posts += n
			}
			require.GreaterOrEqual(t, readings, days*4-1)
			require.True(t, s.state(domain.FetchAccounts, profile).Backfilled)
			require.GreaterOrEqual(t, s.number(`select count(*) from tSAccountIns where backfilled`), 27)
			require.Equal(t, 7*readings+7*posts+8, s.calls(""), "no call is spent for nothing: the history takes one turn")
			require.Zero(t, s.number(`select count(*) from tSAccountIns where missing::text like '%throttled%'`))
		})
	}
}

// wireTrip is a transport that is a test's own function.
type wireTrip func(*http.Request) (*http.Response, error)

func (w wireTrip) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

// Where an app's quota does not hold the calls of all readings of a claim, they come one after the
// other: begun together, each would have some of the calls, and none would be whole.
func TestShortQuotaIsReadOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	others := s.process()
	var users []connected
	var due []domain.DueAccount
	for range 4 {
		due = append(due, domain.DueAccount{SocialAccount: s.connect(domain.LinkedIn, domain.LinkedInProfile).ID})
		users = append(users, s.connect(domain.TikTok, 0))
	}
	var first sync.Once
	var underWay, most atomic.Int32
	s.wire = func(transport http.RoundTripper) http.RoundTripper {
		return wireTrip(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), underWay.Add(1)))
			defer underWay.Add(-1)
			first.Do(func() { // whatever is begun beside it comes while accounts of another platform are read
				for _, user := range slices.Concat(users, users) {
					require.NoError(t, s.readOne(t.Context(), others, domain.FetchAccounts, user))
				}
			})
			return transport.RoundTrip(r)
		})
	}
	s.collect = s.processWithin(ledgertest.Limits(t, "linkedin:app:260/24h"))
	require.NoError(t, s.collect.Work(t.Context(), s.claimOf(due, domain.FetchAccounts, domain.LinkedIn)))
	require.EqualValues(t, 1, most.Load())
	require.Positive(t, s.number(`select count(*) from tSAccountIns where p_id = $1`, domain.LinkedIn))
	require.Zero(t, s.number(`select count(*) from tSAccountIns where missing::text like '%throttled%'`), "a reading that was begun is whole")
}

// Others use up the quota during a reading: its calls are spent, so it waits for its turn, not only
// for room.
func TestReadingThatIsCutShortWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.collect = s.processWithin(ledgertest.Limits(t, "linkedin:app:24/72h"))
	page := s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage)
	require.Empty(t, s.round(domain.FetchPosts, domain.LinkedIn))
	due := s.state(domain.FetchPosts, page).DueAt
	s.clock.Advance(due.Sub(s.clock.Now()))
	before := s.calls("")
	s.called = func(*http.Request) { s.exec(`update fetch_budgets set calls = 0`) }
	require.Equal(t, []int64{page.ID}, s.round(domain.FetchPosts, domain.LinkedIn))
	require.Equal(t, 1, s.calls("")-before)
	pace := s.collect.Slowest()[queueOf(domain.FetchPosts, domain.LinkedIn)]
	require.Equal(t, due.Add(pace.Every), s.state(domain.FetchPosts, page).DueAt)
}
