package collect_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const tick = 30 * time.Second

// An account is due an interval after it was due. Were it the time of the reading that counts, it
// would be read a little later each time, and miss looks. A downtime is caught up with once.
func TestDueTimeAdvancesByIntervalWithoutDrift(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.AccountInterval = time.Minute })
	page := s.connect(domain.Facebook, 0)
	for _, step := range []struct {
		later time.Duration
		want  int
	}{{0, 1}, {tick, 1}, {tick, 2}, {2*time.Minute - time.Second, 3}, {time.Second, 4}} {
		s.roundAfter(step.later, domain.FetchAccounts, domain.Facebook)
		require.Len(t, s.readings(page), step.want)
	}
	s.roundAfter(5*24*time.Hour, domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(page), 5, "one catch-up, not one for each interval")
	// The platform's days in between, each with its flow, although it was not read on them.
	require.Equal(t, 4, s.number(`
		select count(distinct day) from day_figures join figure_owners using (series)
		where social_account_id = $1 and figure = $2 and day between '2026-11-20' and '2026-11-23'`, page.ID, domain.FigureNumber(domain.MetricViews)))
}

// A process whose clock was a week ahead has read an account next week: the others do not wait for
// that week to come.
func TestDueTimeOfFastClockIsIgnored(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.roundAfter(7*24*time.Hour, domain.FetchAccounts, domain.Facebook)
	s.clock.Advance(-7 * 24 * time.Hour)
	for n := range 3 {
		s.round(domain.FetchAccounts, domain.Facebook)
		require.Len(t, s.readings(page), 2+n)
		s.round(domain.FetchAccounts, domain.Facebook)
		require.Len(t, s.readings(page), 2+n, "the right due time counts again")
		s.clock.Advance(tick)
	}
}

func TestMostOverdueAccountsAreReadFirst(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	// A burst of 3 calls, then 0.9 a second.
	limit := domain.Quota{Platform: domain.TikTok, Scope: domain.QuotaPerOperation, Calls: 60, Window: time.Minute}
	s.collect = s.processWithin([]domain.Quota{limit})
	var users []connected
	for range 8 {
		users = append(users, s.connect(domain.TikTok, 0))
	}
	read := func() (ids []int64) {
		for _, u := range users {
			for _, at := range s.readings(u) {
				if at.Equal(s.clock.Now()) {
					ids = append(ids, u.ID)
				}
			}
		}
		return ids
	}
	round := func() { s.round(domain.FetchAccounts, domain.TikTok) }
	round()
	require.Equal(t, []int64{1, 2, 3}, read())
	require.Equal(t, 8, s.metric("due_connections", ""))
	s.clock.Advance(tick) // three calls more
	round()
	require.Equal(t, []int64{4, 5, 6}, read(), "those never read come first")
	s.clock.Advance(tick)
	round()
	require.Equal(t, []int64{1, 7, 8}, read(), "then those that were read longest ago")
	require.Equal(t, int(2*tick.Seconds()), s.metric("lag_seconds", ""), "of those never read")
	s.collect.ForgetLag(domain.Facebook)
	require.Equal(t, 8, s.metric("due_connections", ""), "another platform is paused")
	s.collect.ForgetLag(domain.TikTok)
	for _, gauge := range []string{"due_connections", "lag_seconds"} {
		require.Zero(t, s.metric(gauge, ""), gauge)
	}
	require.Zero(t, s.sim.Stats().Throttled["tiktok/user_info"])
}

func TestUnsubscribedOrDisconnectedAccountIsNotRead(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	other := "c90000000000000000000000"
	s.log.Put(t, domain.DirectoryAccount{ID: other, ParentAccount: "b00000000000000000000000"},
		domain.DirectorySubscription{ID: 9, AccountID: other, StartsAt: fetchDay.AddDate(-1, 0, 0), EndsAt: new(fetchDay.Add(time.Minute))})
	lapsing, disconnected, fine := s.connect(domain.Facebook, 0), s.connect(domain.Facebook, 0), s.connect(domain.Facebook, 0)
	lapsing.ParentAccount, lapsing.AccountID = "b00000000000000000000000", other
	disconnected.Connected = false
	s.log.Put(t, lapsing.DirectorySocialAccount, disconnected.DirectorySocialAccount)
	s.round(domain.FetchAccounts, domain.Facebook)
	s.clock.Advance(time.Minute) // the subscription has ended
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(fine), 2)
	require.Len(t, s.readings(lapsing), 1)
	require.Empty(t, s.readings(disconnected))
}

// A fetcher that was frozen, or whose machine slept, thaws after its claim has passed to another.
func TestFrozenFetcherLosesItsClaims(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	frozen := s.claim(s.collect, domain.FetchAccounts, domain.Facebook)
	s.endClaims()
	taken := s.claim(s.process(), domain.FetchAccounts, domain.Facebook)
	require.Equal(t, []int64{page.ID}, taken.Accounts())
	fetching := vault.Fetching{Pool: s.pool}
	wrong := domain.FetchResult{SocialAccount: page.ID, At: fetchDay, DueAt: fetchDay.AddDate(1, 0, 0), Failures: 7}
	require.NoError(t, fetching.Record(t.Context(), frozen, []domain.FetchResult{wrong}), "it stores nothing")
	require.NoError(t, fetching.Release(t.Context(), frozen))
	require.Zero(t, s.state(domain.FetchAccounts, page).Failures)
	require.NoError(t, workOn(t.Context(), s.collect, taken))
	require.Len(t, s.readings(page), 1, "the other reads it")
}

// The state of what was erased while it was claimed is not stored.
func TestStateOfErasedAccountIsNotStored(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	erased := s.connect(domain.Facebook, 0)
	claim := s.claim(s.collect, domain.FetchAccounts, domain.Facebook)
	require.Len(t, claim.Accounts(), 1)
	require.NoError(t, vault.NewEraser(s.pool).ForgetReads(t.Context(), []int64{erased.ID}, nil))
	result := domain.FetchResult{SocialAccount: erased.ID, At: fetchDay, DueAt: fetchDay, Reason: &domain.StatusReason{Code: domain.StatusPermission}}
	require.NoError(t, vault.Fetching{Pool: s.pool}.Record(t.Context(), claim, []domain.FetchResult{result}))
	require.Zero(t, s.number(`select count(*) from kept.fetch_state where social_account_id = $1`, erased.ID))
}

// What repeating does not help is tried once an hour, also where the quota is small.
func TestPermanentFailureIsRetriedHourly(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	limit := domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerAccount, Calls: 100, Window: 24 * time.Hour}
	client := &scripted{account: func(context.Context, platforms.AccountRequest) (platforms.AccountSnapshot, error) {
		return platforms.AccountSnapshot{}, &platforms.Error{Reason: domain.StatusPermission, Status: 403}
	}}
	s.collect = s.processWithin([]domain.Quota{limit}, client.use)
	profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
	s.round(domain.FetchAccounts, domain.LinkedIn)
	st := s.state(domain.FetchAccounts, profile)
	require.Equal(t, domain.StatusPermission, st.kind())
	require.Equal(t, s.clock.Now().Add(time.Hour), st.DueAt.UTC())
}

// A connection that an operator has paused is left alone, also where it is claimed already; the
// others are read, and it is read again when it is resumed.
func TestPausedConnectionIsNotReadUntilResumed(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	paused, other := s.connect(domain.TikTok, 0), s.connect(domain.TikTok, 0)
	pauses := vault.Pauses{Pool: s.pool}
	name := strconv.FormatInt(paused.ConnectionID, 10)
	claim := s.claim(s.collect, domain.FetchAccounts, domain.TikTok)
	require.Len(t, claim.Accounts(), 2)
	_, err := pauses.Pause(t.Context(), domain.Pause{
		Kind: domain.PauseConnection, Name: name, Since: fetchDay, Actor: "ada", Reason: domain.Reason{Code: domain.ReasonIncident},
	})
	require.NoError(t, err)
	require.NoError(t, workOn(t.Context(), s.collect, claim))
	require.NoError(t, vault.Fetching{Pool: s.pool}.Release(t.Context(), claim)) // as the scheduler does
	require.Empty(t, s.readings(paused))
	require.Len(t, s.readings(other), 1)

	s.clock.Advance(halfDay)
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
		require.Empty(t, s.round(kind, domain.TikTok))
	}
	require.Empty(t, s.readings(paused))
	require.Len(t, s.readings(other), 2)

	_, err = pauses.Resume(t.Context(), domain.PauseConnection, name)
	require.NoError(t, err)
	next := s.process() // which has not looked yet
	require.NoError(t, workOn(t.Context(), next, s.claim(next, domain.FetchAccounts, domain.TikTok)))
	require.Len(t, s.readings(paused), 1)
}

// A new page is read at once although 20,000 are overdue and its quota has room.
func TestNewConnectionPrecedesBacklogOfTwentyThousand(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	old := s.connect(domain.TikTok, 0)
	ledgertest.Exec(t, s.log.DB.Pool, `
		insert into tSAccounts select id + n, parent_account, account_id, member_id, connection_id, p_id, a_type, external_id || n, name, connected,
		  ended, created_at, updated_at, told_at from tSAccounts, generate_series(100001, 120000) n where id = $1`, old.ID)
	s.exec(`insert into fetch_state (kind, p_id, social_account_id, due_at, read_at, updated_at)
		select $1, $2, $3 + n, $4::timestamptz - n * interval '1 second', $4::timestamptz - interval '3 days', $4::timestamptz - interval '3 days'
		from generate_series(100001, 120000) n`, domain.FetchAccounts, int(domain.TikTok), old.ID, fetchDay)
	require.Equal(t, 20_000, s.number(`select count(*) from kept.fetch_state where due_at < $1`, fetchDay))
	wanted := domain.FetchWanted{FetchQueue: queueOf(domain.FetchAccounts, domain.TikTok), Limit: collect.ClaimSize, Lasts: time.Hour}
	added := s.connect(domain.TikTok, 0)
	began := time.Now()
	require.NoError(t, vault.ReadNow(t.Context(), s.pool, domain.TikTok, []int64{added.ID}, s.clock.Now()))
	claim, err := s.collect.Claim(t.Context(), wanted)
	require.NoError(t, err)
	require.Len(t, claim.Tasks, collect.ClaimSize)
	require.Contains(t, claim.Accounts()[:2], added.ID)

	// A claim costs as much as what it takes, not as what is due, regardless of the planner's statistics.
	pool, statements := pgtest.Traced(t, s.log.DB.Pool)
	others, err := directory.Connections{Pool: pool}.Claim(t.Context(), wanted, s.clock.Now())
	require.NoError(t, err)
	require.Len(t, others.Tasks, collect.ClaimSize)
	// A claim of new accounts leaves the backlog to others.
	wanted.OnlyNew = true
	second, third := s.connect(domain.TikTok, 0), s.connect(domain.TikTok, 0)
	require.NoError(t, vault.ReadNow(t.Context(), s.pool, domain.TikTok, []int64{third.ID}, s.clock.Now()))
	fresh, err := directory.Connections{Pool: pool}.Claim(t.Context(), wanted, s.clock.Now())
	require.NoError(t, err)
	require.ElementsMatch(t, []int64{second.ID, third.ID}, fresh.Accounts())
	claims := slices.DeleteFunc(statements.Take(), func(s pgtest.Statement) bool { return !strings.Contains(s.SQL, "skip locked") })
	require.Len(t, claims, 2)
	pgtest.EachPlan(t, s.log.DB.Pool, "", claims[1:], func(how string, nodes []pgtest.PlanNode) {
		for _, node := range nodes {
			if node["Index Name"] == "fetch_state_due" { // and does not look at the backlog
				require.LessOrEqual(t, node.Number("Actual Rows")+node.Number("Rows Removed by Filter"), float64(collect.ClaimSize), "%s: %v", how, node)
			}
		}
	})
	pgtest.EachPlan(t, s.log.DB.Pool, "", claims, func(how string, nodes []pgtest.PlanNode) {
		for _, node := range nodes {
			require.LessOrEqual(t, node.Number("Actual Loops"), float64(3*collect.ClaimSize), "%s: %v", how, node)
		}
	})

	require.NoError(t, workOn(t.Context(), s.collect, claim))
	require.Len(t, s.readings(added), 1)
	t.Logf("read after %s", time.Since(began))
}
