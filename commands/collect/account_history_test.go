package collect_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// storied is a platform with a history: each day has views. fail may refuse a part of it.
func storied(fail func(r platforms.AccountRequest) error) (client *scripted, parts *[]platforms.AccountRequest) {
	parts = &[]platforms.AccountRequest{}
	return &scripted{account: func(_ context.Context, r platforms.AccountRequest) (platforms.AccountSnapshot, error) {
		snapshot := platforms.AccountSnapshot{Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: 1}}}
		if !r.Backfill {
			return snapshot, nil
		}
		*parts = append(*parts, r)
		if err := fail(r); err != nil {
			return platforms.AccountSnapshot{}, err
		}
		// As with days that begin elsewhere: one more than was asked for.
		for at := r.Since.AddDate(0, 0, -1); at.Before(r.Until); at = at.AddDate(0, 0, 1) {
			snapshot.Figures = append(snapshot.Figures, domain.Figure{Name: domain.MetricViews, Kind: domain.DayFlow, Value: 1, Day: at.Format(time.DateOnly)})
		}
		return snapshot, nil
	}}, parts
}

// appendedHistory counts the readings of history in the log, by their day.
func (f *fetchStage) appendedHistory() map[string]int {
	f.t.Helper()
	days := map[string]int{}
	for _, read := range logged[domain.AccountRead](f, domain.TopicMetrics) {
		if read.Backfilled {
			days[read.CapturedAt.Format(time.DateOnly)]++
		}
	}
	return days
}

// accountRounds reads in so many intervals, one after the other.
func (f *fetchStage) accountRounds(n int, p domain.Platform) {
	f.t.Helper()
	for range n {
		require.Empty(f.t, f.round(domain.FetchAccounts, p))
		f.clock.Advance(tick)
	}
}

// A part that fails waits ever longer, its cause stays to be seen, and the readings go on.
func TestFailingHistoryBacksOffAndReadingsContinue(t *testing.T) {
	t.Parallel()
	refused := true
	client, parts := storied(func(platforms.AccountRequest) error {
		if refused {
			return &platforms.Error{Reason: domain.StatusInvalid, Platform: domain.Facebook, Message: "no history"}
		}
		return nil
	})
	s := newFetchStage(t, client.use, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })
	page := s.connect(domain.Facebook, 0)
	s.accountRounds(40, domain.Facebook)
	require.Len(t, s.readings(page), 40)
	require.Len(t, *parts, 6, "at 0, ½, 1½, 3½, 7½ and 15½ minutes")
	st := s.state(domain.FetchAccounts, page)
	require.Equal(t, domain.StatusInvalid, st.kind())
	require.Equal(t, domain.StatusInvalid, st.Reason.Code)
	require.Zero(t, st.Failures, "of the readings")
	require.Equal(t, s.clock.Now(), st.DueAt.UTC(), "nor do they wait")

	refused = false
	s.clock.Advance(time.Hour)
	s.accountRounds(3, domain.Facebook)
	st = s.state(domain.FetchAccounts, page)
	require.Equal(t, state{ReadAt: st.ReadAt, DueAt: st.DueAt, Backfilled: true}, st, "a success forgets")
}

// A day that always fails is left out, and the days before it are read.
func TestHistorySkipsDayThatAlwaysFails(t *testing.T) {
	t.Parallel()
	bad := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	client, parts := storied(func(r platforms.AccountRequest) error {
		if !r.Since.After(bad) && r.Until.After(bad) {
			return hiccup()
		}
		return nil
	})
	s := newFetchStage(t, client.use, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })
	page := s.connect(domain.Facebook, 0)
	for range 3 * 24 {
		s.accountRounds(1, domain.Facebook)
		s.clock.Advance(time.Hour)
	}
	days := s.appendedHistory()
	require.Len(t, days, 26, "the oldest day has become too old meanwhile")
	require.NotContains(t, days, "2026-11-10")
	require.True(t, s.state(domain.FetchAccounts, page).Backfilled)
	require.Less(t, len(*parts), 30)
}

// No day is recorded twice if a part fails after a finished one, or if the log fails within a part.
func TestHistoryDayIsRecordedOnceDespiteFailures(t *testing.T) {
	t.Parallel()
	old := fetchDay.AddDate(0, 0, -30)
	refused := true
	client, _ := storied(func(r platforms.AccountRequest) error {
		if refused && r.Since.Before(old) {
			return hiccup()
		}
		return nil
	})
	s := newFetchStage(t, client.use, func(c *collect.Config) {
		c.Backfill = 40 * 24 * time.Hour
		records, inner := 0, c.Log
		c.Log = batches(func(ctx context.Context, drafts []domain.Draft) (errs []error) {
			for i := range drafts {
				if records++; records == 11 { // after the reading itself and nine days, once
					errs = append(errs, errors.New("no broker"))
					continue
				}
				errs = append(errs, inner.AppendBatch(ctx, drafts[i:i+1])...)
			}
			return errs
		})
	})
	page := s.connect(domain.Facebook, 0)
	s.accountRounds(1, domain.Facebook)
	require.Len(t, s.appendedHistory(), 9)
	require.Equal(t, domain.StatusInternal, s.state(domain.FetchAccounts, page).Reason.Code)
	s.accountRounds(6, domain.Facebook)
	refused = false
	s.clock.Advance(time.Hour)
	s.accountRounds(3, domain.Facebook)
	require.True(t, s.state(domain.FetchAccounts, page).Backfilled)
	days := s.appendedHistory()
	require.Len(t, days, 40)
	for day, n := range days {
		require.Equal(t, 1, n, day)
	}
}

func TestNewConnectionReadsPastDays(t *testing.T) {
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
			days := column[time.Time](s, `select captured_at from tSAccountIns where social_account_id = $1 and backfilled order by 1`, c.ID)
			require.GreaterOrEqual(t, len(days), 7)
			for _, at := range days {
				require.Equal(t, "23:59:59.999999", at.Format("15:04:05.999999"), "a day's last moment")
				require.True(t, at.Before(s.clock.Now()) && at.After(s.clock.Now().Add(-history-48*time.Hour)), "%s", at)
			}
			require.GreaterOrEqual(t, s.number(`
				select count(distinct day) from (
					select day, figure, value, series from day_figures
					union all select day, figure, last_value, series from account_days d join figure_owners o on o.id = d.owner) f
				join figure_owners using (series)
				where social_account_id = $1 and figure = $2 and value > 0`, c.ID, domain.FigureNumber(test.metric)), 7)
			require.True(t, s.state(domain.FetchAccounts, c).Backfilled)

			live := len(s.readings(c))
			s.roundAfter(tick, domain.FetchAccounts, test.platform)
			require.Len(t, s.readings(c), live+1)
			require.Equal(t, len(days), s.number(`select count(*) from tSAccountIns where social_account_id = $1 and backfilled`, c.ID), "once")
		})
	}
}

func TestDemographicsAreReadOncePerDay(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	account := s.connect(domain.Instagram, 0)
	with := func() int {
		return s.number(`select count(*) from account_demographics join figure_owners using (series) where social_account_id = $1`, account.ID)
	}
	s.accountRounds(4, domain.Instagram)
	require.Equal(t, 1, with())
	s.roundAfter(24*time.Hour, domain.FetchAccounts, domain.Instagram)
	require.Equal(t, 2, with())
	require.Len(t, s.readings(account), 5)
}

// Meta changes the values of a day for two days after its end, so each day is requested once more
// when its values are final.
func TestMetaDayIsRequestedAgainWhenFinal(t *testing.T) {
	t.Parallel()
	last := map[int64]time.Duration{} // by start of the day: how long after its end it was last requested
	requests := map[int64]int{}
	s := newFetchStage(t)
	s.called = func(r *http.Request) {
		q := r.URL.Query()
		since, _ := strconv.ParseInt(q.Get("since"), 10, 64)
		if q.Get("metric_type") == "total_value" && strings.Contains(q.Get("metric"), "views") {
			last[since] = s.clock.Now().Sub(time.Unix(since, 0).Add(24 * time.Hour))
			requests[since]++
		}
	}
	s.collect = s.process(func(c *collect.Config) { c.AccountInterval = 6 * time.Hour })
	s.connect(domain.Instagram, 0)
	for range 20 { // five days
		s.round(domain.FetchAccounts, domain.Instagram)
		s.clock.Advance(6 * time.Hour)
	}
	for day := range 2 {
		midnight := time.Date(2026, 11, 19+day, 8, 0, 0, 0, time.UTC).Unix() // in California
		require.GreaterOrEqual(t, last[midnight], 48*time.Hour)
		require.LessOrEqual(t, requests[midnight], 1+8+1, "one further call")
	}
}
