package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// Not parallel: it looks at all goroutines of the process.
func TestRunLeavesNoGoroutineBehind(t *testing.T) {
	db := database(t)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })

	waiting := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: noWork, Ready: func() bool { return false }})
	require.NoError(t, waiting.end())

	worked := make(chan scheduler.Job)
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: func(ctx context.Context, job scheduler.Job) error {
		worked <- job
		return nil
	}})
	receive(t, "work", worked)
	require.NoError(t, p.end())
}

func TestTwoProcessesWorkEachShardOfEachSlotOnce(t *testing.T) {
	t.Parallel()
	db := database(t)
	platforms := []domain.Platform{domain.Facebook, domain.TikTok}
	var worked record
	cfg := scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, time.Second), Platforms: platforms, Shards: shards(3),
		Work: func(_ context.Context, job scheduler.Job) error {
			worked.add(job)
			return nil
		},
	}
	a, b := run(t, cfg), run(t, cfg)
	slots := func() []time.Time {
		var seen []time.Time
		for _, job := range worked.all() {
			if !slices.Contains(seen, job.Begin) {
				seen = append(seen, job.Begin)
			}
		}
		slices.SortFunc(seen, time.Time.Compare)
		return seen
	}
	eventually(t, "some slots", func() bool { return len(slots()) >= 6 })
	require.NoError(t, a.end())
	require.NoError(t, b.end())

	times := map[scheduler.Job]int{}
	for _, job := range worked.all() {
		times[job]++
		require.Equal(t, 1, times[job], fmt.Sprint(job))
	}
	count := func(name string, labels ...string) int { return a.count(name, labels...) + b.count(name, labels...) }
	planned := rows(t, db.Pool, `kind = 'slot_planned'`) * 3 // one for each platform
	require.Equal(t, planned, len(times)+count("skipped_slots_total", "reason=late")+rows(t, db.Pool, waiting),
		"what was not worked waits or is counted as late")
	require.Equal(t, len(times), count("jobs_total", "outcome=done"))
	require.Equal(t, len(times), count("lag_seconds"))
}

func TestNothingHappensBeforeReady(t *testing.T) {
	t.Parallel()
	db := database(t)
	var ready atomic.Bool
	asked, worked := make(chan struct{}), make(chan scheduler.Job, 10)
	run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, time.Second),
		Ready: func() bool {
			if ready.Load() {
				return true
			}
			asked <- struct{}{}
			return false
		},
		Work: func(_ context.Context, job scheduler.Job) error {
			worked <- job
			return nil
		},
	})
	for range 8 { // two seconds, two slots
		receive(t, "the question", asked)
		require.Zero(t, rows(t, db.Pool, "true"))
		require.Empty(t, worked)
	}
	var leaders int
	require.NoError(t, db.Pool.QueryRow(t.Context(), `select count(*) from river.river_leader`).Scan(&leaders))
	require.Zero(t, leaders)

	ready.Store(true)
	for done := false; !done; { // a question may have been under way
		select {
		case <-asked:
		case <-worked:
			done = true
		case <-time.After(soon):
			require.FailNow(t, "waited in vain for work")
		}
	}
}

func TestReadyThatTurnsFalseHoldsJobsBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	var unready atomic.Bool
	first := make(chan struct{})
	worked := make(chan scheduler.Job, 10)
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), Shards: shards(2), MaxWorkers: 1,
		Ready: func() bool { return !unready.Load() },
		Work: func(_ context.Context, job scheduler.Job) error {
			worked <- job
			if job.Shard == 0 {
				unready.Store(true)
				<-first
			}
			return nil
		},
	})
	require.Equal(t, 0, receive(t, "the first shard", worked).Shard)
	close(first)
	eventually(t, "the other shard to be held back", func() bool {
		return rows(t, db.Pool, `kind = 'work_shard' and metadata ? 'snoozes'`) == 1
	})
	require.Empty(t, worked)
	unready.Store(false)
	require.Equal(t, 1, receive(t, "the second shard", worked).Shard)
	require.NoError(t, p.end())
}

func TestRunTellsWhatKeepsItFromStarting(t *testing.T) {
	t.Parallel()
	p := run(t, scheduler.Config{DatabaseURL: "postgres://nobody@127.0.0.1:1/none?connect_timeout=1", Every: every(t, ages), Work: noWork})
	require.ErrorContains(t, receive(t, "the error", p.ended), "scheduler")
	p.ended <- nil // for end
}

// A database that restarts while the schedule begins must not end the process.
func TestBeginsAgainstADatabaseThatComesBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	config := db.Pool.Config()
	var refused atomic.Int32
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if refused.Add(1) <= 2 {
			return errors.New("the database system is starting up")
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	worked := make(chan scheduler.Job, 1)
	p := run(t, scheduler.WithPool(scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: func(_ context.Context, job scheduler.Job) error {
		worked <- job
		return nil
	}}, pool))
	receive(t, "work", worked)
	require.NoError(t, p.end())
}

func TestWorkThatIgnoresItsEndIsReported(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, release := make(chan struct{}), make(chan struct{})
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), DrainTimeout: time.Millisecond,
		Work: func(context.Context, scheduler.Job) error {
			close(begun)
			<-release
			return nil
		},
	})
	receive(t, "work", begun)
	require.ErrorIs(t, p.end(), scheduler.ErrStuck)
	close(release)
}
