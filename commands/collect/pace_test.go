package collect_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// What readings are reckoned with is what they cost.
func TestCallsPerReadingMatchMeasurement(t *testing.T) {
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

func TestPaceTextNamesIntervalAndQuota(t *testing.T) {
	t.Parallel()
	quota := func(calls int) domain.Quota {
		return domain.Quota{Platform: domain.LinkedIn, Calls: calls, Window: day}
	}
	profile := func(every time.Duration, q domain.Quota) domain.Pace {
		return domain.Pace{Platform: domain.LinkedIn, AccountType: domain.LinkedInProfile, Every: every, Wanted: time.Hour, Calls: 7, Quota: q}
	}
	for want, pace := range map[string]domain.Pace{
		"every 262 minutes: 100 calls a day, 7 a reading of a profile":        profile(262*time.Minute, quota(100)),
		"every 28 hours: 500 calls a day, 7 a reading of a profile":           profile(28*time.Hour, quota(500)),
		"every 3 days, configured are 1 hour: 7 calls a reading of a profile": profile(3*day, domain.Quota{}),
		"every 1 hour, as configured: 7 calls a reading of a profile":         profile(time.Hour, domain.Quota{}),
		"every 12 hours, as configured: 9 calls a reading":                    {Platform: domain.Facebook, Every: halfDay, Wanted: halfDay, Calls: 9},
	} {
		require.Equal(t, want, pace.String())
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

const day = 24 * time.Hour

// passes lets LinkedIn be read for so long.
func (f *fetchStage) passes(d time.Duration) {
	f.t.Helper()
	const step = 20 * time.Minute
	for range d / step {
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
			f.round(kind, domain.LinkedIn)
		}
		f.clock.Advance(step)
	}
}

// At the defaults many are read all day long, in turn: LinkedIn refuses no call
// of an app in development. On the first day everything comes at once, with posts and history, and
// still each is read whole.
func TestDevelopmentQuotaIsSpreadOverDay(t *testing.T) {
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
	// A round of the accounts takes 50 calls of the half of the 450 that posts leave, or of a member's
	// 86; one turn of a post may come in between.
	const longest = 8 * time.Hour
	for _, a := range all {
		require.True(t, s.state(domain.FetchAccounts, a).Backfilled)
		require.Positive(t, s.number(`select count(*) from tSPostInsights where social_account_id = $1`, a.ID))
		last := s.readings(a)[0]
		require.Less(t, last, second.Add(-day/2), "a new connection is read soon")
		for _, at := range append(s.readings(a), s.clock.Now()) {
			if last.After(second) {
				require.LessOrEqual(t, at.Sub(last), longest, "account %d, type %d, %s", a.ID, a.AccountType, pace)
			}
			last = at
		}
	}
}

// pace is what is stored of how often an account is read.
func (f *fetchStage) pace(c connected) string {
	f.t.Helper()
	return only[domain.Pace](f, `select pace from kept.fetch_state where kind = $1 and social_account_id = $2`, domain.FetchAccounts, c.ID).String()
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
	for s.round(domain.FetchAccounts, domain.LinkedIn); len(s.readings(profile)) < 2; s.clock.Advance(time.Minute) {
		s.round(domain.FetchAccounts, domain.LinkedIn)
	}
	require.Equal(t, 1, strings.Count(lines.String(), `set="LEDGERBOARD_QUOTAS=linkedin:app:N/24h"`), lines.String())
	const told = "every 68 minutes: 100 calls a day (the quota of an app in development, because LEDGERBOARD_QUOTAS sets none), 7 a reading of a profile"
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
		require.Contains(t, s.pace(account), "100 calls a day")
	}
	require.True(t, s.collect.Slowest()[queueOf(domain.FetchAccounts, domain.LinkedIn)].Quota.Assumed)
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
			const step, days = 20 * time.Minute, 10
			var made []int
			for range days * 24 * time.Hour / step {
				s.round(domain.FetchAccounts, domain.LinkedIn)
				s.round(domain.FetchPosts, domain.LinkedIn)
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

// A quota whose bucket holds one reading, or less, is used: where it has all calls, the reading is whole.
func TestSmallestQuotasAreUsed(t *testing.T) {
	t.Parallel()
	for quota, whole := range map[string]bool{
		"linkedin:account:10/24h": false, "linkedin:account:20/24h": true, "linkedin:app:20/24h": true, "linkedin:app:100/1h": true,
	} {
		t.Run(quota, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			s.collect = s.processWithin(ledgertest.Limits(t, quota))
			profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
			for range 3 * 24 {
				s.round(domain.FetchAccounts, domain.LinkedIn)
				s.clock.Advance(time.Hour)
			}
			require.GreaterOrEqual(t, len(s.readings(profile)), 3)
			lacking := s.number(`select count(*) from tSAccountIns where missing::text like '%throttled%'`)
			require.Equal(t, whole, lacking == 0, "%d of %d", lacking, len(s.readings(profile)))
		})
	}
}

// Where an app's quota does not hold the calls of all readings of a claim, those that begin are
// whole.
func TestReadingsAreCompleteWithinShortQuota(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	for range 4 {
		s.connect(domain.LinkedIn, domain.LinkedInProfile)
	}
	s.collect = s.processWithin(ledgertest.Limits(t, "linkedin:app:260/24h")) // a bucket of 13
	s.round(domain.FetchAccounts, domain.LinkedIn)
	require.Equal(t, 1, s.number(`select count(*) from tSAccountIns where p_id = $1`, domain.LinkedIn))
	require.Equal(t, 7, s.calls(""))
	require.Zero(t, s.number(`select count(*) from tSAccountIns where missing::text like '%throttled%'`), "a reading that was begun is whole")
}

// Posts and history leave half of an app's quota to the readings of accounts: a refused part of one
// account's history does not stop the readings of others.
func TestRefusedHistoryDoesNotStopOtherReadings(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.collect = s.processWithin(ledgertest.Limits(t, "linkedin:app:500/24h"), // a bucket of 25
		func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })
	first, second := s.connect(domain.LinkedIn, domain.LinkedInProfile), s.connect(domain.LinkedIn, domain.LinkedInProfile)
	for s.round(domain.FetchAccounts, domain.LinkedIn); len(s.readings(second)) == 0; s.clock.Advance(time.Minute) {
		s.round(domain.FetchAccounts, domain.LinkedIn)
	}
	s.exec(`update fetch_state set not_before = null, history_not_before = null, due_at = $1`, s.clock.Now().Add(-time.Second))
	s.exec(`update fetch_state set backfilled_at = now(), due_at = $2 where social_account_id = $1`, second.ID, s.clock.Now())
	s.exec(`update fetch_budgets set calls = 19, at = $1, posts_are_next = false, posts_wait_until = null`, s.clock.Now())
	before := len(s.readings(second))
	s.roundAfter(time.Minute, domain.FetchAccounts, domain.LinkedIn)
	require.Len(t, s.readings(second), before+1)
	require.False(t, s.state(domain.FetchAccounts, first).Backfilled)
}

// Forty profiles share one app, and each reading of posts takes 35 calls: all are read in turn, the
// app's quota is used, and a person who signs in meanwhile never waits.
func TestProfilesAreReadInTurnWithinOneAppQuota(t *testing.T) {
	t.Parallel()
	for _, calls := range []int{100, 500} { // a bucket of 10, of 25
		t.Run(strconv.Itoa(calls), func(t *testing.T) {
			t.Parallel()
			const profiles = 20
			s := newFetchStage(t)
			limit := domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: calls, Window: day}
			s.collect = s.processWithin([]domain.Quota{limit})
			var all []connected
			for range profiles {
				all = append(all, s.connectWithPosts(domain.LinkedIn, domain.LinkedInProfile))
			}
			share := min(0.9*float64(calls), (float64(calls)-max(10, float64(calls)/20))/1.05)
			// Each round of the accounts takes twice its calls, because posts take turns.
			round := time.Duration(2 * 7 * profiles / share * float64(day))
			step := time.Duration(3.5 / share * float64(day)).Round(time.Minute)
			passed := time.Duration(0)
			pass := func(d time.Duration) {
				for end := passed + d; passed < end; passed += step {
					s.round(domain.FetchAccounts, domain.LinkedIn)
					s.round(domain.FetchPosts, domain.LinkedIn)
					s.clock.Advance(step)
				}
			}
			pass(round + round/4) // the first readings use the calls that are kept
			begin, before := s.clock.Now(), s.calls("")
			signIn := platforms.Call{Platform: domain.LinkedIn, Op: "me"}
			for range 6 {
				pass(round / 2)
				for range 2 {
					_, finish, err := s.gate.Admit(t.Context(), signIn)
					require.NoError(t, err, "a sign-in")
					finish(platforms.CallStats{Platform: domain.LinkedIn})
				}
			}
			var intervals []time.Duration
			longest := time.Duration(0)
			for _, a := range all {
				at := slices.DeleteFunc(s.readings(a), func(at time.Time) bool { return at.Before(begin) })
				require.GreaterOrEqual(t, len(at), 2)
				for i := range at[1:] {
					intervals = append(intervals, at[i+1].Sub(at[i]))
					longest = max(longest, at[i+1].Sub(at[i]))
				}
				require.Positive(t, s.number(`select count(*) from tSPostInsights where social_account_id = $1`, a.ID))
			}
			slices.Sort(intervals)
			median := intervals[len(intervals)/2]
			used := float64(s.calls("")-before+12) / (share * s.clock.Now().Sub(begin).Hours() / 24)
			t.Logf("interval: median %s, longest %s: %.2f; use of the bucket %.2f", median, longest, longest.Seconds()/median.Seconds(), used)
			require.LessOrEqual(t, longest, median*3/2)
			require.GreaterOrEqual(t, used, 0.85)
			require.LessOrEqual(t, used, 1.05)
		})
	}
}
