package collect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
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
				require.Empty(t, s.roundAfter(tick, domain.FetchAccounts, test.platform))
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
			s.roundAfter(tick, domain.FetchAccounts, test.platform)
			require.Len(t, s.readings(c), live+1)
			require.Equal(t, len(days), s.number(`select count(*) from tSAccountIns where social_account_id = $1 and backfilled`, c.ID), "once")
		})
	}
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
	s.roundAfter(24*time.Hour, domain.FetchAccounts, domain.Instagram)
	require.Equal(t, 2, with())
	require.Len(t, s.readings(account), 5)
}
