package projections_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Questions as of a time are answered from still generations, together with today's tables of everything else; without
// them the refusal names the command. What answers is read, and is not dropped until nobody asks.
func TestReadersAsOfATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	until := day0.Add(time.Hour)
	for n := range 20 {
		post, account := postRead(int64(n%3+1), n), accountRead(1, n)
		post.Envelope.Time = day0.Add(time.Duration(n) * 10 * time.Minute)
		account.Envelope.Time = post.Envelope.Time
		b.append(post, account)
	}
	b.append(category(1, "today's"))
	all := []fold.Projector{projectors.AccountInsights{}, projectors.PostInsights{}, projectors.Directory{}}
	for _, p := range all {
		e := b.engine(p)
		b.start(e)
		b.caughtUp(e)
	}
	r, err := projections.OpenReaders(b.ctx(), projections.ReadersConfig{
		DatabaseURL: b.db.URL, Pool: b.db.Pool, Projectors: all, MaxConns: 4, Logger: quiet,
	})
	require.NoError(t, err)
	t.Cleanup(r.Close)

	still := func(p fold.Projector) {
		request := asked(p.Name())
		request.Version, request.Until = p.Version(), &until
		asked, err := b.askFor(request)
		require.NoError(t, err)
		b.ends(asked.ID, operator.RebuildDone)
	}
	_, err = r.AsOf(b.ctx(), until)
	requireCode(t, domain.CodeConflict, err)
	require.ErrorContains(t, err, "ledgerboard rebuild account_insights post_insights --until "+until.Format(time.RFC3339Nano))
	still(projectors.PostInsights{})
	_, err = r.AsOf(b.ctx(), until)
	require.ErrorContains(t, err, "ledgerboard rebuild account_insights --until", "only what is missing")
	still(projectors.AccountInsights{})
	_, err = r.AsOf(b.ctx(), until.Add(time.Microsecond))
	requireCode(t, domain.CodeConflict, err)

	const pastSessions = `select count(distinct backend_start) from pg_stat_activity
		where datname = current_database() and application_name = 'ledgerboard reader as of'`
	count := func(in pg.Reader, table string) (n int) {
		require.NoError(t, in.QueryRow(context.Background(), "select count(*) from "+table).Scan(&n))
		return n
	}
	past, err := r.AsOf(b.ctx(), until)
	require.NoError(t, err)
	for table, want := range map[string][2]int{"tSPostInsights": {7, 20}, "tSAccountIns": {7, 20}, "tDefaultCategories": {1, 1}} {
		require.Equal(t, want, [2]int{count(past, table), count(r, table)}, table)
	}
	again, err := r.AsOf(b.ctx(), until.In(time.FixedZone("", 3600)))
	require.NoError(t, err)
	require.Equal(t, 1, b.count(pastSessions))
	require.Equal(t, 7, count(again, "tSAccountIns"))
	require.Equal(t, 1, b.count(pastSessions),
		"it stays open while somebody asks")
	require.Contains(t, r.Reads(), "post_insights.g2")
	require.Contains(t, r.Reads(), "account_insights.g2")

	r.CloseIdle(time.Hour)
	require.Contains(t, r.Reads(), "post_insights.g2")
	r.CloseIdle(0)
	require.Eventually(t, func() bool { return !slices.Contains(r.Reads(), "post_insights.g2") }, patience, tick, "then it can be dropped")
	require.Equal(t, 20, count(r, "tSPostInsights"))
	require.Equal(t, 7, count(past, "tSPostInsights"), "a question that was let in before is answered: it opens them again")

	// The exchange of today's pools, which waits for tables that fall behind, holds up no question about the past.
	b.ends(b.requestOf(projectors.Directory{}, nil).ID, operator.RebuildDone)
	lock, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	defer func() { _ = lock.Rollback(context.Background()) }()
	_, err = lock.Exec(b.ctx(), "lock table checkpoints in access exclusive mode")
	require.NoError(t, err)
	refreshed := make(chan error, 1)
	go func() { refreshed <- r.Refresh(context.Background()) }()
	require.Eventually(t, func() bool {
		return b.count(`select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock' and query like '%n.next_offset < o.next_offset%'`) > 0
	}, patience, tick)
	require.Equal(t, 7, count(past, "tSPostInsights"))
	require.Empty(t, refreshed, "it is under way still")
	require.NoError(t, lock.Rollback(b.ctx()))
	require.NoError(t, <-refreshed)
	require.Contains(t, r.Current(), "directory.g2")
}
