package vault_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// The newest reading counts, even if others have failed since. A queue that is no longer read and
// those of a paused platform have no age.
func TestReadingAgeIsThatOfNewestReading(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ledgertest.Exec(t, pool, `
		insert into fetch_state (kind, p_id, social_account_id, due_at, updated_at, read_at) values
			('account_insights', 1, 1, now(), 'now', now() - interval '30 hours'),
			('account_insights', 1, 2, now(), 'now', now() - interval '25 hours'),
			('account_insights', 1, 3, now(), 'now', null),
			('post_insights', 6, 4, now(), now() - interval '3 days', now() - interval '3 days'),
			('token_refresh', 6, 4, now(), 'now', now() - interval '40 hours')`)
	ages, err := vault.Fetching{Pool: pool}.ReadingAges(t.Context())
	require.NoError(t, err)
	require.Len(t, ages, 1)
	require.InDelta(t, 25, ages[domain.FetchQueue{Kind: domain.FetchAccounts, Platform: domain.Facebook}].Hours(), 0.1)
	ledgertest.Exec(t, pool, `insert into pauses (kind, name, since, actor, code, ticket) values ('platform', 'facebook', now(), '', '', '')`)
	ages, err = vault.Fetching{Pool: pool}.ReadingAges(t.Context())
	require.NoError(t, err)
	require.Empty(t, ages)
}

// No period grants more than the burst plus the growth since the last draw.
func TestBudgetGrantsAtMostItsGrowth(t *testing.T) {
	t.Parallel()
	budgets := vault.Budgets{Pool: setup(t)}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		name := rapid.StringMatching(`[a-z]{1,8}`).Draw(r, "name") + string(rune('A'+n%26)) + time.Now().Format("150405.000000000")
		rate, burst := rapid.Float64Range(0.01, 20).Draw(r, "rate"), rapid.Float64Range(1, 50).Draw(r, "burst")
		type grant struct{ second, calls float64 }
		var grants []grant
		now := day0
		for range rapid.IntRange(1, 12).Draw(r, "draws") {
			// A clock that is behind another process's clock adds no calls.
			now = now.Add(time.Duration(rapid.IntRange(-2000, 60_000).Draw(r, "milliseconds")) * time.Millisecond)
			want := rapid.IntRange(1, 40).Draw(r, "want")
			taken, err := budgets.Take(context.Background(), domain.BudgetTake{
				Calls: want, Least: rapid.IntRange(1, want).Draw(r, "least"), From: []domain.Budget{{Name: name, Rate: rate, Burst: burst}},
				Kind: rapid.SampledFrom([]domain.CallKind{domain.CallsUrgent, domain.CallsAccounts, domain.CallsPosts}).Draw(r, "kind"),
			}, now)
			require.NoError(r, err)
			require.GreaterOrEqual(r, taken.Left[0].Calls, -1e-5)
			require.LessOrEqual(r, taken.Left[0].Calls, burst)
			require.Equal(r, taken.Calls == 0, taken.Left[0].Wait > 0, "a refusal says when")
			grants = append(grants, grant{now.Sub(day0).Seconds(), float64(taken.Calls)})
			for i, first := range grants {
				calls, from, to := 0.0, first.second, first.second
				for _, g := range grants[i:] {
					calls, from, to = calls+g.calls, min(from, g.second), max(to, g.second)
				}
				require.LessOrEqual(r, calls, burst+rate*(to-from+2)+1e-4)
			}
		}
	})
}

// A refusal says when, also if less than half a millisecond is missing.
func TestSubMillisecondWaitIsRoundedUp(t *testing.T) {
	t.Parallel()
	budgets := vault.Budgets{Pool: setup(t)}
	take := domain.BudgetTake{Calls: 1, Least: 1, From: []domain.Budget{{Name: "b", Rate: 1, Burst: 1}}}
	_, err := budgets.Take(t.Context(), take, day0)
	require.NoError(t, err)
	taken, err := budgets.Take(t.Context(), take, day0.Add(time.Second-100*time.Microsecond))
	require.NoError(t, err)
	require.Zero(t, taken.Calls)
	require.Positive(t, taken.Left[0].Wait)
}

// A call counts against several budgets and is taken from all of them or from none, in whatever
// order callers list them.
func TestConcurrentCallsTakeAllBudgetsOrNone(t *testing.T) {
	t.Parallel()
	budgets := vault.Budgets{Pool: setup(t)}
	app, account, other := domain.Budget{Name: "b", Rate: 1, Burst: 100}, domain.Budget{Name: "a", Rate: 1, Burst: 70}, domain.Budget{Name: "c", Rate: 1, Burst: 70}
	var drawing sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	for n := range 40 {
		from := [][]domain.Budget{{app, account}, {account, app}, {app, other}, {other, app}}[n%4]
		drawing.Go(func() {
			taken, err := budgets.Take(t.Context(), domain.BudgetTake{Calls: 7, Least: 1, From: from}, day0)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			granted += taken.Calls
		})
	}
	drawing.Wait()
	require.Equal(t, 100, granted)
	taken, err := budgets.Take(t.Context(), domain.BudgetTake{Calls: 1, Least: 1, From: []domain.Budget{app, account, other}}, day0)
	require.NoError(t, err)
	require.Zero(t, taken.Left[0].Calls)
	require.InDelta(t, 140-100, taken.Left[1].Calls+taken.Left[2].Calls, 1e-6)
	require.NoError(t, budgets.Return(t.Context(), []domain.BudgetTake{
		{Calls: 20, From: []domain.Budget{app, account}}, {Calls: 10, From: []domain.Budget{app, account}},
	}))
	taken, err = budgets.Take(t.Context(), domain.BudgetTake{Calls: 30, Least: 30, From: []domain.Budget{app, account}}, day0)
	require.NoError(t, err)
	require.Equal(t, 30, taken.Calls, "what was returned")
}

func TestBudgetHoldKeepsLatestEnd(t *testing.T) {
	t.Parallel()
	budgets := vault.Budgets{Pool: setup(t)}
	draw := func(at time.Time) (int, domain.BudgetState) {
		taken, err := budgets.Take(t.Context(), domain.BudgetTake{Calls: 1, Least: 1, From: []domain.Budget{{Name: "b", Rate: 1, Burst: 10}}}, at)
		require.NoError(t, err)
		return taken.Calls, taken.Left[0]
	}
	granted, _ := draw(day0)
	require.Equal(t, 1, granted)
	require.NoError(t, budgets.Hold(t.Context(), "b", day0.Add(time.Hour)))
	require.NoError(t, budgets.Hold(t.Context(), "b", day0.Add(time.Minute)))
	granted, left := draw(day0.Add(30 * time.Minute))
	require.Zero(t, granted)
	require.Equal(t, domain.BudgetState{Calls: left.Calls, Wait: 30 * time.Minute, Held: true}, left)
	granted, _ = draw(day0.Add(time.Hour))
	require.Equal(t, 1, granted)
}

func TestStateChangeIsMarkedByOneProcess(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	marks := vault.Fetching{Pool: pool}
	const refused, works = false, true
	var shown *time.Time
	first := func(works bool) bool {
		won, err := marks.First(t.Context(), 7, 0, works, shown)
		require.NoError(t, err)
		return won
	}
	recorded := func(works bool, at time.Time) { require.NoError(t, marks.Recorded(t.Context(), 7, 0, works, at)) }
	ages := func(by time.Duration) {
		ledgertest.Exec(t, pool, `update connection_marks set at = at - $1::interval`, by)
	}
	require.True(t, first(refused))
	require.False(t, first(refused))
	ofPage, err := marks.First(t.Context(), 7, 70, refused, shown)
	require.NoError(t, err)
	require.True(t, ofPage, "one page is another change")
	ages(6 * time.Minute)
	require.True(t, first(refused), "its holder may have stopped")
	require.False(t, first(refused), "the mark is new")
	recorded(refused, day0)
	ages(6 * time.Minute)
	require.False(t, first(refused), "recorded in the log, not yet in the tables")
	before := day0.Add(-time.Second)
	shown = &before
	require.False(t, first(refused), "the tables show an earlier state")
	require.True(t, first(works))
	recorded(refused, day0) // of a mark that was replaced by another
	ages(6 * time.Minute)
	require.True(t, first(works))
	recorded(works, day0)
	shown = &day0
	require.True(t, first(works), "the tables show it: this is another change")
	recorded(works, day0.Add(time.Second))
	require.False(t, first(works))
	ages(time.Hour)
	require.True(t, first(works), "the tables will never show it")
}

// Others neither claim nor replace a token that is being renewed, until the claim ends or expires; a
// sign-in does.
func TestTokenRenewalIsExclusive(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx, one, other := t.Context(), newSecrets(t, pool, key(t, 1)), newSecrets(t, pool, key(t, 1))
	times := domain.SecretTimes{Taken: day0}
	put(t, one, "r", "first")
	put(t, one, "another", "first")
	requireRenewing := func(secrets *vault.Secrets) {
		t.Helper()
		_, err := secrets.ClaimRenewal(ctx, "r", []byte("first"), time.Minute)
		require.ErrorIs(t, err, domain.ErrSecretRenewing)
		require.ErrorIs(t, secrets.Swap(ctx, "r", "", []byte("first"), []byte("x"), times), domain.ErrSecretRenewing)
		require.ErrorIs(t, secrets.PutOver(ctx, "r", []byte("first"), []byte("x"), times), domain.ErrSecretRenewing)
	}
	_, err := one.ClaimRenewal(ctx, "r", []byte("renewed before"), time.Minute)
	require.ErrorIs(t, err, vault.ErrSwapped)
	claim, err := one.ClaimRenewal(ctx, "r", []byte("first"), time.Minute)
	require.NoError(t, err)
	requireRenewing(other)
	_, err = other.ClaimRenewal(ctx, "another", []byte("first"), time.Minute)
	require.NoError(t, err)
	require.NoError(t, one.EndRenewal(ctx, "r", claim))

	stale, err := one.ClaimRenewal(ctx, "r", []byte("first"), time.Minute) // and then stops
	require.NoError(t, err)
	require.False(t, stale.Unfinished, "the one before has ended")
	ledgertest.Exec(t, pool, `update secrets set renewing_until = now() - interval '1 second'`)
	claim, err = other.ClaimRenewal(ctx, "r", []byte("first"), time.Minute)
	require.NoError(t, err)
	require.True(t, claim.Unfinished)
	require.NoError(t, one.EndRenewal(ctx, "r", stale)) // the stopped holder returns
	requireRenewing(one)
	require.ErrorIs(t, one.Swap(ctx, "r", stale.ID, []byte("first"), []byte("x"), times), domain.ErrSecretRenewing)
	require.NoError(t, other.Swap(ctx, "r", claim.ID, []byte("first"), []byte("second"), times))
	require.Equal(t, "second", get(t, one, "r"))

	claim, err = one.ClaimRenewal(ctx, "r", []byte("second"), time.Minute)
	require.NoError(t, err, "it ended with the renewal")
	require.False(t, claim.Unfinished)
	put(t, other, "r", "signed in")
	require.ErrorIs(t, one.Swap(ctx, "r", claim.ID, []byte("second"), []byte("x"), times), vault.ErrSwapped)
	_, err = other.ClaimRenewal(ctx, "r", []byte("signed in"), time.Minute)
	require.NoError(t, err, "the claim was for the token that is gone")
	require.ErrorIs(t, one.Put(ctx, "r", []byte("x"), domain.SecretTimes{Taken: day0.Add(-time.Second)}), vault.ErrSwapped)
	require.Equal(t, "signed in", get(t, one, "r"), "a later sign-in is kept")
}

// A database failure is not a secret of another process: a caller that confused them would discard
// the renewed token.
func TestSwapReplacesOnlySecretThatWasRead(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 2), key(t, 1))
	put(t, secrets, "r", "first")
	swap := func(ref, old, secret string) error {
		return secrets.Swap(t.Context(), ref, "", []byte(old), []byte(secret), domain.SecretTimes{Taken: day0})
	}
	require.NoError(t, swap("r", "first", "second"))
	err := swap("r", "first", "third")
	require.ErrorIs(t, err, vault.ErrSwapped)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.NotContains(t, err.Error(), "third")
	require.ErrorIs(t, swap("r", "second", ""), vault.ErrEmptySecret)
	require.ErrorIs(t, swap("nobody", "second", "x"), vault.ErrSwapped)
	require.Equal(t, "second", get(t, secrets, "r"))
	ledgertest.Exec(t, pool, `alter table secrets rename to away`)
	err = swap("r", "second", "third")
	require.Error(t, err)
	require.NotErrorIs(t, err, vault.ErrSwapped)
}

// The planner assumes that a table without statistics is small: a plan over all connections took
// minutes.
func TestRecordStatementDoesNotReadAllConnections(t *testing.T) {
	t.Parallel()
	pool, err := pg.Open(t.Context(), pg.Config{URL: pgtest.New(t).URL, SearchPath: []string{vault.Schema}, Name: "test", MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	ledgertest.Exec(t, pool, `alter table fetch_state set (autovacuum_enabled = false)`)
	fetching, queue := vault.Fetching{Pool: pool}, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: domain.Facebook}
	record := func(accounts ...int64) {
		claim := domain.FetchClaim{FetchQueue: queue}
		row := pool.QueryRow(t.Context(), `
			insert into fetch_state (kind, p_id, social_account_id, due_at, updated_at, claimed_until) values ($1, $2, $3, $4, $4, now())
			on conflict (kind, p_id, social_account_id) do update set claimed_until = now() returning claimed_until`,
			queue.Kind, int(queue.Platform), accounts[0], day0)
		require.NoError(t, row.Scan(&claim.Until))
		results := make([]domain.FetchResult, len(accounts))
		for i, account := range accounts {
			results[i] = domain.FetchResult{SocialAccount: account, Read: true, At: day0, DueAt: day0.Add(time.Hour)}
		}
		require.NoError(t, fetching.Record(t.Context(), claim, results))
	}
	for range 8 { // after five, PostgreSQL may keep a generic plan
		record(1, 2, 3)
	}
	const connections = 20_000
	ledgertest.Exec(t, pool, `
		insert into fetch_state (kind, p_id, social_account_id, due_at, updated_at)
		select $1, $2, n, $3, $3 from generate_series(10, $4::int) n`, queue.Kind, int(queue.Platform), day0, connections)
	looked := func() (rows int) {
		ledgertest.Exec(t, pool, `select pg_stat_force_next_flush()`)
		ledgertest.Exec(t, pool, `select pg_stat_clear_snapshot()`)
		row := pool.QueryRow(t.Context(), `
			select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where schemaname = current_schema() and relname = 'fetch_state'`)
		require.NoError(t, row.Scan(&rows))
		return rows
	}
	before := looked()
	record(11, 12, 13, 14, 15, 16, 17, 18)
	require.Less(t, looked()-before, connections/2)
}
