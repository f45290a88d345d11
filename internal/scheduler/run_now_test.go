package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// What an operator makes due is claimed at once, of that platform alone.
func TestRunNow(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 3)
	jobs, err := scheduler.OpenJobs(t.Context(), db.URL, func(ctx context.Context, tx pgx.Tx, queue domain.FetchQueue, now time.Time) error {
		_, err := tx.Exec(ctx, `update due.claims set due_at = $2 where p_id = $1`, int(queue.Platform), now)
		return err
	})
	require.NoError(t, err)
	defer jobs.Close()
	begin := func() error { return jobs.Run(t.Context(), domain.FetchQueue{Kind: kind, Platform: domain.TikTok}) }
	err = begin()
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, "No process fetches")
	require.Zero(t, rows(t, db.Pool, "true"), "nothing is left behind")

	work, attempts := answers(of)
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, Every: every(ages), Work: work, Platforms: []domain.Platform{domain.TikTok, domain.LinkedIn},
	}))
	for range 2 {
		require.Len(t, receive(t, "work", attempts).Accounts, 3)
	}
	eventually(t, "both to be done", func() bool { return p.count("jobs_total", "outcome=done") == 2 })
	_, err = db.Pool.Exec(t.Context(), `delete from river.river_job where state = 'completed'`) // looks may be hours apart
	require.NoError(t, err)
	require.NoError(t, begin())
	now := receive(t, "work that was asked for", attempts)
	require.Equal(t, domain.TikTok, now.Platform)
	require.Len(t, now.Accounts, 3)
	require.NoError(t, p.end())
	require.Empty(t, attempts)

	_, err = db.Pool.Exec(t.Context(), `update river.river_queue set updated_at = now() - interval '16 minutes'`)
	require.NoError(t, err)
	require.ErrorContains(t, begin(), "No process fetches", "who has ended reports no more")
}

// What became due between two looks is claimed when somebody has the fetchers look, and nothing is made due by that.
func TestLook(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 3)
	jobs, err := scheduler.OpenJobs(t.Context(), db.URL, nil)
	require.NoError(t, err)
	defer jobs.Close()
	work, attempts := answers(of)
	p := run(t, of.use(scheduler.Config{DatabaseURL: db.URL, Every: every(ages), Work: work, Platforms: []domain.Platform{domain.TikTok}}))
	require.Len(t, receive(t, "work", attempts).Accounts, 3)
	eventually(t, "it to be done", func() bool { return p.count("jobs_total", "outcome=done") == 1 })
	_, err = db.Pool.Exec(t.Context(), `update due.claims set due_at = now() where ctid in (select ctid from due.claims where p_id = $1 limit 1)`, int(domain.TikTok))
	require.NoError(t, err)
	require.NoError(t, jobs.Look(t.Context(), domain.FetchQueue{Kind: kind, Platform: domain.TikTok}))
	require.Len(t, receive(t, "what became due", attempts).Accounts, 1)
	require.NoError(t, p.end())
}
