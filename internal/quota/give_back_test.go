package quota_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// hookedStore calls back after each draw.
type hookedStore struct {
	quota.Store

	drew func(quota.Draw, quota.Drawn)
}

func (s hookedStore) Draw(ctx context.Context, d quota.Draw) (quota.Drawn, error) {
	drawn, err := s.Store.Draw(ctx, d)
	s.drew(d, drawn)
	return drawn, err
}

// While a batch holds calls of one lease, another caller draws the next: what the batch gives back adds nothing to it.
func TestCallsOfAnOlderLeaseDoNotComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var g *quota.Gate
	admitOne := func(account string) error {
		call := facebook
		call.Account = account
		return admit(g, call, platforms.CallStats{})
	}
	asked := 0          // looks at the clock since the batch's draw of the app's budget; the second is after that gave its calls
	var leases []int    // of the app's budget
	var other sync.Once // the caller between
	g = b.gate(limits(
		quota.Limit{Platform: domain.Facebook, Scope: platforms.ScopeApp, Calls: 1600, Window: time.Hour},   // a burst of 80, leases of 10
		quota.Limit{Platform: domain.Facebook, Scope: platforms.ScopeAccount, Calls: 40, Window: time.Hour}, // a burst of 2
	), hasty, func(c *quota.Config) {
		c.Store = hookedStore{b.store, func(d quota.Draw, drawn quota.Drawn) {
			if d.Burst > 2 {
				leases = append(leases, drawn.Granted)
			}
		}}
		c.Now = func() time.Time {
			if len(leases) == 1 {
				if asked++; asked == 2 {
					other.Do(func() {
						b.clock.advance(10 * time.Minute) // longer than a lease
						require.NoError(t, admitOne("another"))
					})
				}
			}
			return b.clock.Now()
		}
	})
	batch := facebook
	batch.Requests = 7
	made, finish, err := g.Admit(t.Context(), batch)
	require.NoError(t, err)
	finish(platforms.CallStats{Platform: domain.Facebook, Requests: made})
	require.Equal(t, 2, made)
	require.Len(t, leases, 2, "the batch's and that of the caller between")

	after := 0
	for len(leases) == 2 {
		require.NoError(t, admitOne(strconv.Itoa(after)))
		after++
	}
	require.Equal(t, leases[1], 1+after-1, "the last of them was of a third lease")
}
