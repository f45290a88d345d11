package collect_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
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

// That LinkedIn's quota is taken for that of an app in development is told with the pace, and where to set what an approved app has.
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
	const told = "every 262 minutes: 100 calls a day (taken for an app in development, as LEDGERBOARD_QUOTAS sets none), 7 a reading"
	require.Equal(t, told, s.collect.Slowest()[queueOf(domain.FetchAccounts, domain.LinkedIn)].String())
	require.Equal(t, told, s.pace(profile))
}
