package collect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestFirstConnectionReadsItsHistory(t *testing.T) {
	t.Parallel()
	const history = 10 * 24 * time.Hour
	for name, test := range map[string]struct {
		platform domain.Platform
		aType    domain.AccountType
		metric   string
	}{
		"page":         {domain.Facebook, 0, domain.MetricViews},
		"instagram":    {domain.Instagram, 0, domain.MetricViews},
		"profile":      {domain.LinkedIn, domain.LinkedInProfile, domain.MetricFollowers},
		"company page": {domain.LinkedIn, domain.LinkedInCompanyPage, domain.MetricImpressions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t, func(c *collect.Config) { c.Backfill = history })
			c := s.connect(test.platform, test.aType)
			require.Empty(t, s.round(domain.FetchAccounts, test.platform))
			require.Len(t, s.readings(c), 1)
			if test.platform == domain.Instagram { // takes a call for each day, so a week at a time
				require.False(t, s.state(domain.FetchAccounts, c).Backfilled)
				s.clock.advance(tick)
				require.Empty(t, s.round(domain.FetchAccounts, test.platform))
			}
			days := times(t, s.log.DB.Pool, `select captured_at from tSAccountIns where social_account_id = $1 and backfilled order by 1`, c.ID)
			require.GreaterOrEqual(t, len(days), 7)
			for _, at := range days {
				require.Equal(t, "23:59:59.999999", at.Format("15:04:05.999999"), "a day's last moment")
				require.True(t, at.Before(s.clock.Now()) && at.After(s.clock.Now().Add(-history-48*time.Hour)), "%s", at)
			}
			require.GreaterOrEqual(t, s.number(`
				select count(distinct month + day) from account_months, unnest(days, day_values) as d(day, value)
				where social_account_id = $1 and metric = $2 and value > 0`, c.ID, test.metric), 7)
			require.True(t, s.state(domain.FetchAccounts, c).Backfilled)

			live := len(s.readings(c))
			s.clock.advance(tick)
			s.round(domain.FetchAccounts, test.platform)
			require.Len(t, s.readings(c), live+1)
			require.Equal(t, len(days), s.number(`select count(*) from tSAccountIns where social_account_id = $1 and backfilled`, c.ID), "once")
		})
	}
}

func TestHistoryThatIsNotCompleteIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.Backfill = 5 * 24 * time.Hour })
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{FailEvery: 4}) // page, insights, page, insights
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(page), 1, "the reading itself counts")
	require.False(t, s.state(domain.FetchAccounts, page).Backfilled)
	s.trap(page, simulator.Traps{})
	s.clock.advance(tick)
	s.round(domain.FetchAccounts, domain.Facebook)
	require.True(t, s.state(domain.FetchAccounts, page).Backfilled)
	require.Equal(t, 5, s.number(`select count(*) from tSAccountIns where social_account_id = $1 and backfilled`, page.ID))
}

// History never takes the place of what was read live.
func TestHistoryLeavesTheLiveReadingsAlone(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.Backfill = 28 * 24 * time.Hour })
	page := s.connect(domain.Facebook, 0)
	s.round(domain.FetchAccounts, domain.Facebook)
	var latest int64
	row := s.log.DB.Pool.QueryRow(t.Context(), `select followers from tSAccountIns where social_account_id = $1 order by captured_at desc limit 1`, page.ID)
	require.NoError(t, row.Scan(&latest))
	require.Equal(t, simulator.FollowersAt(fetchSeed, page.ExternalID, s.clock.Now()), latest)
}

func TestDemographicsOnceADay(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	account := s.connect(domain.Instagram, 0)
	with := func() int {
		return s.number(`select count(*) from tSAccountIns where social_account_id = $1 and demographics <> '[]'`, account.ID)
	}
	for range 4 {
		s.round(domain.FetchAccounts, domain.Instagram)
		s.clock.advance(tick)
	}
	require.Equal(t, 1, with())
	s.clock.advance(24 * time.Hour)
	s.round(domain.FetchAccounts, domain.Instagram)
	require.Equal(t, 2, with())
	require.Len(t, s.readings(account), 5)
}
