package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var noon = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// bundle is a shared store and a clock; each gate is like a process.
type bundle struct {
	t     testing.TB
	clock *ledgertest.Clock
	store vault.Budgets
	began time.Time
}

func setup(t testing.TB) *bundle {
	t.Helper()
	return setupAt(t, pgtest.New(t).URL)
}

// inBubble runs a test with a fake clock, which advances only while all goroutines wait: a slow
// machine does not affect it.
func inBubble(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	url := pgtest.New(t).URL // outside of the bubble: other tests share the server
	synctest.Test(t, func(t *testing.T) { test(t, setupAt(t, url)) })
}

func setupAt(t testing.TB, databaseURL string) *bundle {
	t.Helper()
	return &bundle{t, ledgertest.NewClock(noon), vault.Budgets{Pool: ledgertest.OpenFetching(t, databaseURL)}, time.Now()}
}

func (b *bundle) gate(change ...func(*quota.Config)) *quota.Gate {
	b.t.Helper()
	cfg := quota.Config{Store: b.store, Now: b.clock.Now, Registerer: prometheus.NewRegistry()}
	for _, c := range change {
		c(&cfg)
	}
	return quota.New(cfg)
}

// limits replaces all limits.
func limits(l ...domain.Quota) func(*quota.Config) {
	return func(c *quota.Config) { c.Limits = append([]domain.Quota{}, l...) }
}

var (
	tikTok   = platforms.Call{Platform: domain.TikTok, Op: "user_info", Account: "a"}
	facebook = platforms.Call{Platform: domain.Facebook, Op: "page", Account: "100"}
	linkedIn = platforms.Call{Platform: domain.LinkedIn, Op: "posts", Account: "9"}
)

// admit makes a call with the given statistics.
func admit(g *quota.Gate, call platforms.Call, how platforms.CallStats) error {
	_, finish, err := g.Admit(context.Background(), call)
	if err == nil {
		how.Platform, how.Op, how.Account = call.Platform, call.Op, call.Account
		finish(how)
	}
	return err
}

func requireRefused(t testing.TB, err error, kind domain.StatusCode, wait time.Duration) {
	t.Helper()
	require.Error(t, err)
	require.True(t, platforms.Refused(err), "%v", err)
	require.Equal(t, kind, platforms.KindOf(err))
	require.Equal(t, wait, platforms.RetryAfter(err))
}

// watchedStore records the times that it is called with.
type watchedStore struct {
	vault.Budgets
	times []time.Time
}

func (s *watchedStore) Take(ctx context.Context, t quota.Take, now time.Time) (quota.Taken, error) {
	s.times = append(s.times, now)
	return s.Budgets.Take(ctx, t, now)
}

// Budgets use the store's clock, whatever time a process has.
func TestBudgetsUseStoreClock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store := &watchedStore{Budgets: b.store}
	g := b.gate(func(c *quota.Config) { c.Store, c.Now = store, nil })
	require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	require.Equal(t, []time.Time{{}}, store.times)
}
