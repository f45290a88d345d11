package collect_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// inDevelopment is a stage where LinkedIn gives our app what it gives an app in development, and nobody has set a quota.
func inDevelopment(t *testing.T, change ...func(*collect.Config)) *fetchStage {
	t.Helper()
	s := newFetchStage(t)
	s.simulate(simulator.Config{LinkedInPerDay: 500, LinkedInPerUser: 100})
	s.collect = s.processWithin(limits(t), append(change, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })...)
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
		s.clock.advance(step)
	}
}

// At the defaults many are read all day long, as often as their pace says: LinkedIn refuses no call of an
// app in development. On the first day everything comes at once, with posts and history, and still each
// is read whole.
func TestAppInDevelopmentIsReadAllDay(t *testing.T) {
	t.Parallel()
	s := inDevelopment(t)
	s.clock.advance(12 * time.Hour) // to midnight, when LinkedIn begins to count
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
	return only[string](s, `select pace from kept.fetch_state where kind = $1 and social_account_id = $2`, domain.FetchAccounts, c.ID)
}

// The pace says that LinkedIn's quota is assumed to be that of an app in development, and where to set what an approved app has.
func TestAssumedQuotaIsTold(t *testing.T) {
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
	const told = "every 262 minutes: 100 calls a day (taken for an app in development, as LEDGERBOARD_QUOTAS sets none), 7 a reading of a profile"
	require.Equal(t, told, s.collect.Slowest()[queueOf(domain.FetchAccounts, domain.LinkedIn)].String())
	require.Equal(t, told, s.pace(profile))
}

// LinkedIn counts by the member whose token it is: a profile and two pages that one person connected share that member's day, at a pace
// that says so, and LinkedIn never refuses a call of it.
func TestPagesOfOneMemberShareItsQuota(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.simulate(simulator.Config{LinkedInPerDay: 500, LinkedInPerUser: 100}) // as of an app in development
	s.reach(t)
	given := s.signIn(domain.LinkedIn).Tokens
	accounts := s.mainApps(205, domain.LinkedIn, domain.LinkedInCompanyPage, "90041", "90042")
	profile := connected{domain.DirectorySocialAccount{
		ID: 2059, ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: 205, Platform: domain.LinkedIn,
		AccountType: domain.LinkedInProfile, ExternalID: "mLq7xW2a", Connected: true,
	}, accounts[0].ref}
	s.log.Put(t, profile.DirectorySocialAccount)
	s.store(profile, commands.StoredTokens{AccessToken: given.AccessToken, ExpiresAt: given.ExpiresAt})
	s.clock.advance(12 * time.Hour)                                                                          // to midnight: what the sign-in cost is of the day before
	s.collect = s.processWithin(limits(t), func(c *collect.Config) { c.Backfill = collect.DefaultBackfill }) // nobody has set a quota

	const step, days = 10 * time.Minute, 3
	for range days * 24 * time.Hour / step {
		s.roundWithin(tick, domain.FetchAccounts, domain.LinkedIn)
		s.roundWithin(tick, domain.FetchPosts, domain.LinkedIn)
		s.clock.advance(step)
	}
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

// A quota of a day that holds few readings: each is whole or not begun, no call is spent for nothing, all posts are read in
// turn, the history comes in turns of its own, and the quota is kept.
func TestSmallQuotaIsSpentOnWholeReadings(t *testing.T) {
	t.Parallel()
	for _, scope := range []platforms.Scope{platforms.ScopeAccount, platforms.ScopeApp} {
		t.Run(string(scope), func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			limit := quota.Limit{Platform: domain.LinkedIn, Scope: scope, Calls: 100, Window: 24 * time.Hour}
			s.collect = s.processWithin([]quota.Limit{limit}, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })
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
				s.clock.advance(step)
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

// Others use up the quota during a reading: its calls are spent, so it waits for its turn, not only for room.
func TestReadingThatIsCutShortWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.collect = s.processWithin(limits(t, "linkedin:app:10/72h"))
	page := s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage)
	require.Empty(t, s.round(domain.FetchPosts, domain.LinkedIn))
	due := s.state(domain.FetchPosts, page).DueAt
	s.clock.advance(due.Sub(s.clock.Now()))
	before := s.calls("")
	s.called = func(*http.Request) {
		_, err := s.pool.Exec(t.Context(), `update fetch_budgets set calls = 0`)
		require.NoError(t, err)
	}
	require.Equal(t, []int64{page.ID}, s.round(domain.FetchPosts, domain.LinkedIn))
	require.Equal(t, 1, s.calls("")-before)
	pace := s.collect.Slowest()[queueOf(domain.FetchPosts, domain.LinkedIn)]
	require.Equal(t, due.Add(pace.Every), s.state(domain.FetchPosts, page).DueAt)
}
