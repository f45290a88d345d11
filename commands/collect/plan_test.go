package collect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

const tick = 30 * time.Second

func TestAccountIsDueWhenItsIntervalHasPassed(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.AccountInterval = time.Minute })
	page := s.connect(domain.Facebook, 0)
	for n, want := range []int{1, 1, 2, 2, 3} {
		s.round(domain.FetchAccounts, domain.Facebook)
		require.Len(t, s.readings(page), want, "slot %d", n)
		s.clock.advance(tick)
	}
}

// The slot is what counts: were it the time of the reading, a reading late in its slot would not be due
// in the next.
func TestReadingLateInItsSlotDoesNotCostTheNext(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	slot := slotOf(domain.FetchAccounts, domain.Facebook, s.clock.Now())
	s.clock.advance(tick - time.Second)
	s.roundOf(s.collect, slot)
	s.clock.advance(time.Second)
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(page), 2)
}

// A process whose clock was a week ahead has read an account in a slot of next week: the others do not
// wait for that week to come.
func TestSlotOfAWrongClockIsNoReading(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.clock.advance(7 * 24 * time.Hour)
	s.round(domain.FetchAccounts, domain.Facebook)
	s.clock.advance(-7 * 24 * time.Hour)
	for n := range 3 {
		s.round(domain.FetchAccounts, domain.Facebook)
		require.Len(t, s.readings(page), 2+n)
		s.round(domain.FetchAccounts, domain.Facebook)
		require.Len(t, s.readings(page), 2+n, "the right slot counts again")
		s.clock.advance(tick)
	}
}

// planned records what a plan tells.
type planned struct {
	posts        []string
	due, skipped int
	lag          time.Duration
	classes      []string
	signIns      int
}

func (p *planned) Planned(_ domain.FetchSlot, due, skipped int, lag time.Duration) {
	p.due, p.skipped, p.lag = due, skipped, lag
}
func (p *planned) PostSkipped(_ domain.Platform, class string) { p.posts = append(p.posts, class) }

func (p *planned) SignInsDue(_ domain.Platform, accounts int) { p.signIns = accounts }

func (p *planned) Fetched(_ domain.FetchSlot, class string) { p.classes = append(p.classes, class) }

func TestMostOverdueComeFirstWithinTheQuota(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	seen := &planned{}
	// A burst of 3 calls, then 0.9 a second.
	limit := quota.Limit{Platform: domain.TikTok, Scope: platforms.ScopeOperation, Calls: 60, Window: time.Minute}
	s.collect = s.processWithin([]quota.Limit{limit}, func(c *collect.Config) { c.Observe, c.Parallel = seen, 1 })
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
	round := func() {
		slot := slotOf(domain.FetchAccounts, domain.TikTok, s.clock.Now())
		shards, err := s.collect.Plan(t.Context(), slot, 0) // only what is there now
		require.NoError(t, err)
		for shard := range shards {
			_, err := s.collect.Work(t.Context(), slot, shard)
			require.NoError(t, err)
		}
	}
	round()
	require.Equal(t, []int64{1, 2, 3}, read())
	require.Equal(t, 8, seen.due)
	require.Equal(t, 5, seen.skipped, "what the quota has no room for is counted")
	s.clock.advance(tick) // three calls more
	round()
	require.Equal(t, []int64{4, 5, 6}, read(), "those never read come first")
	s.clock.advance(tick)
	round()
	require.Equal(t, []int64{1, 7, 8}, read(), "then those that were read longest ago")
	require.Equal(t, tick, seen.lag, "read 60 s ago, due after 30")
	require.Zero(t, s.sim.Stats().Throttled["tiktok/user_info"])
}

func TestWhatIsNotWorthReadingIsNotPlanned(t *testing.T) {
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
	s.clock.advance(time.Minute) // the subscription has ended
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(fine), 2)
	require.Len(t, s.readings(lapsing), 1)
	require.Empty(t, s.readings(disconnected))
}

func TestShardsHaveTheirSize(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.ShardSize = 2 })
	for range 5 {
		s.connect(domain.Facebook, 0)
	}
	slot := slotOf(domain.FetchAccounts, domain.Facebook, s.clock.Now())
	shards, err := s.collect.Plan(t.Context(), slot, tick)
	require.NoError(t, err)
	require.Equal(t, 3, shards)
	for shard, want := range []int{2, 4, 5} {
		_, err := s.collect.Work(t.Context(), slot, shard)
		require.NoError(t, err)
		require.Equal(t, want, s.number(`select count(*) from tSAccountIns`))
	}
}

// After a crash or a timeout the same job is given again.
func TestJobThatIsGivenAgainReadsOnlyTheRest(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	good, bad := s.connect(domain.Facebook, 0), s.connect(domain.Facebook, 0)
	s.trap(bad, simulator.Traps{HTML: 502})
	slot := slotOf(domain.FetchAccounts, domain.Facebook, s.clock.Now())
	require.Len(t, s.roundOf(s.collect, slot), 1)
	s.trap(bad, simulator.Traps{})
	s.clock.advance(time.Minute)
	_, err := s.collect.Work(t.Context(), slot, 0)
	require.NoError(t, err)
	require.Len(t, s.readings(good), 1)
	require.Len(t, s.readings(bad), 1)
}

func TestMissedSlotsAreCaughtUpOnce(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.round(domain.FetchAccounts, domain.Facebook)
	s.clock.advance(5 * 24 * time.Hour)
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(page), 2, "one catch-up, not one for each slot")
	// The platform's days in between, each with its flow, though nobody asked on them.
	require.Equal(t, 4, s.number(`
		select count(distinct day) from account_months, unnest(days) as day
		where social_account_id = $1 and metric = 'views' and kind = 'day_flow' and month = '2026-11-01' and day between 20 and 23`, page.ID))
}
