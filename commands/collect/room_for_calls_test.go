package collect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

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
