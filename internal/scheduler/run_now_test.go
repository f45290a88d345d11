package scheduler_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// A slot that an operator begins is divided and worked as any other, within the present one, whose end is its own.
func TestRunASlotNow(t *testing.T) {
	t.Parallel()
	db := database(t)
	jobs, err := scheduler.OpenJobs(t.Context(), db.URL)
	require.NoError(t, err)
	defer jobs.Close()
	begin := func() error { return jobs.Run(t.Context(), kind, domain.TikTok) }
	err = begin()
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, "No process fetches")
	require.Zero(t, rows(t, db.Pool, "true"), "nothing is left behind")

	work, attempts := answers()
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), Work: work, Platforms: []domain.Platform{domain.TikTok, domain.LinkedIn},
	})
	regular := map[domain.Platform]scheduler.Job{}
	for range 2 {
		job := receive(t, "work of the present slot", attempts)
		regular[job.Platform] = job
	}
	eventually(t, "both to be done", func() bool { return rows(t, db.Pool, "kind = 'work_shard' and state = 'completed'") == 2 })
	require.NoError(t, begin())
	now := receive(t, "work of the slot that was begun", attempts)
	require.Equal(t, domain.TikTok, now.Platform)
	require.True(t, now.Begin.After(regular[domain.TikTok].Begin), "a slot of its own: what was read in the present one is due again by its interval")
	eventually(t, "it to be done", func() bool { return rows(t, db.Pool, "kind = 'work_shard' and state = 'completed'") == 3 })
	require.Equal(t, 2, rows(t, db.Pool, `kind = 'slot_planned' and args->>'platform' = '6'`))
	require.Equal(t, 3, rows(t, db.Pool, `kind = 'slot_planned' and args->>'end' = (
		select args->>'end' from river.river_job where kind = 'slot_planned' and args->>'platform' <> '6')`), "they end with the present slot")
	require.NoError(t, p.end())
	require.Empty(t, attempts)
	require.Zero(t, p.count("skipped_slots_total"))
}

// What is being read is not read twice: a second slot beside it is refused, whoever asks.
func TestASlotIsNotBegunBesideAnother(t *testing.T) {
	t.Parallel()
	db := database(t)
	jobs, err := scheduler.OpenJobs(t.Context(), db.URL)
	require.NoError(t, err)
	defer jobs.Close()
	hold, began := make(chan struct{}), make(chan scheduler.Job, 10)
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: func(_ context.Context, job scheduler.Job) error {
		began <- job
		<-hold
		return nil
	}})
	receive(t, "work", began)
	err = jobs.Run(t.Context(), kind, domain.TikTok)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, "is running")
	require.Equal(t, 1, rows(t, db.Pool, "kind = 'slot_planned'"))
	close(hold)
	eventually(t, "it to be done", func() bool { return rows(t, db.Pool, "kind = 'work_shard' and state = 'completed'") == 1 })
	require.NoError(t, jobs.Run(t.Context(), kind, domain.TikTok))
	receive(t, "work of the slot that was begun", began)
	require.NoError(t, p.end())
}
