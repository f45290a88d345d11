package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// Not parallel: it looks at all goroutines of the process.
func TestRunLeavesNoGoroutineBehind(t *testing.T) {
	db := database(t)
	of := newDue(t, db, 1)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { leaks.None(t, before) })

	waiting := run(t, of.use(scheduler.Config{DatabaseURL: db.URL, Work: noWork, Ready: func() bool { return false }}))
	require.NoError(t, waiting.end())

	worked := make(chan domain.FetchClaim)
	p := run(t, of.use(scheduler.Config{DatabaseURL: db.URL, Work: func(ctx context.Context, claim domain.FetchClaim) error {
		worked <- claim
		return of.done(ctx, claim)
	}}))
	receive(t, "work", worked)
	require.NoError(t, p.end())
}

// Two processes, and a claim of more than a job's worth: each connection is read once each time that it is due.
func TestTwoProcessesReadEachConnectionOnce(t *testing.T) {
	t.Parallel()
	db := database(t)
	const n = 2*scheduler.JobSize + 1
	of := newDue(t, db, n)
	var worked record
	cfg := of.use(scheduler.Config{
		DatabaseURL: db.URL, Platforms: []domain.Platform{domain.Facebook, domain.TikTok},
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			defer worked.add(claim) // when it is not due any more
			return of.done(ctx, claim)
		},
	})
	a, b := run(t, cfg), run(t, cfg)
	reads := func() (n int) {
		for _, claim := range worked.all() {
			n += len(claim.Accounts)
		}
		return n
	}
	for round := range 3 {
		eventually(t, "all to be read", func() bool { return reads() >= 2*n*(round+1) })
		_, err := db.Pool.Exec(t.Context(), `update due.claims set due_at = now()`)
		require.NoError(t, err)
	}
	eventually(t, "the last round", func() bool { return reads() >= 2*n*4 })
	require.NoError(t, a.end())
	require.NoError(t, b.end())
	require.Equal(t, 2*n*4, reads())
	for _, claim := range worked.all() {
		require.LessOrEqual(t, len(claim.Accounts), scheduler.JobSize)
	}
	count := func(name string, labels ...string) int { return a.count(name, labels...) + b.count(name, labels...) }
	require.Equal(t, len(worked.all()), count("jobs_total", "outcome=done"))
	require.Equal(t, len(worked.all()), count("lag_seconds"))
}

// A process that dies between a claim and its jobs leaves neither.
func TestClaimWithoutItsJobsIsNone(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 3)
	of.fail.Store(true)
	worked := make(chan domain.FetchClaim, 10)
	run(t, of.use(scheduler.Config{DatabaseURL: db.URL, Work: func(ctx context.Context, claim domain.FetchClaim) error {
		worked <- claim
		return of.done(ctx, claim)
	}}))
	eventually(t, "two looks", func() bool { return rows(t, db.Pool, `kind = 'claim_due' and state = 'cancelled'`) >= 2 })
	require.Zero(t, rows(t, db.Pool, `kind = 'read_claimed'`))
	var claimed int
	require.NoError(t, db.Pool.QueryRow(t.Context(), `select count(*) from due.claims where claimed_until is not null`).Scan(&claimed))
	require.Zero(t, claimed)
	of.fail.Store(false)
	require.Len(t, receive(t, "the next look", worked).Accounts, 3)
}

func TestNothingHappensBeforeReady(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 1)
	var ready atomic.Bool
	asked, worked := make(chan struct{}), make(chan domain.FetchClaim, 10)
	run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL,
		Ready: func() bool {
			if ready.Load() {
				return true
			}
			asked <- struct{}{}
			return false
		},
		Work: func(_ context.Context, claim domain.FetchClaim) error {
			worked <- claim
			return nil
		},
	}))
	for range 8 { // two seconds, two looks
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
	of := newDue(t, db, scheduler.JobSize+1) // two jobs
	var unready atomic.Bool
	first := make(chan struct{})
	worked := make(chan domain.FetchClaim, 10)
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, MaxWorkers: 1,
		Ready: func() bool { return !unready.Load() },
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			worked <- claim
			if len(claim.Accounts) == scheduler.JobSize {
				unready.Store(true)
				<-first
			}
			return of.done(ctx, claim)
		},
	}))
	require.Len(t, receive(t, "the first job", worked).Accounts, scheduler.JobSize)
	close(first)
	eventually(t, "the other job to be held back", func() bool { return p.count("jobs_total", "outcome=paused") >= 1 })
	require.Empty(t, worked)
	unready.Store(false)
	require.Len(t, receive(t, "the second job's connection", worked).Accounts, 1)
	require.NoError(t, p.end())
}

func TestRunTellsWhatKeepsItFromStarting(t *testing.T) {
	t.Parallel()
	cfg := idle()
	cfg.DatabaseURL = "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
	p := run(t, scheduler.WithBounds(cfg, time.Second, 0))
	require.ErrorContains(t, receive(t, "the error", p.ended), "scheduler")
	p.ended <- nil // for end
}

// A database that restarts while the schedule begins must not end the process.
func TestBeginsAgainstADatabaseThatComesBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 1)
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
	worked := make(chan domain.FetchClaim, 1)
	p := run(t, scheduler.WithPool(of.use(scheduler.Config{DatabaseURL: db.URL, Work: func(ctx context.Context, claim domain.FetchClaim) error {
		worked <- claim
		return of.done(ctx, claim)
	}}), pool))
	receive(t, "work", worked)
	require.NoError(t, p.end())
}

func TestWorkThatIgnoresItsEndIsReported(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, release := make(chan struct{}), make(chan struct{})
	p := run(t, scheduler.WithBounds(newDue(t, db, 1).use(scheduler.Config{
		DatabaseURL: db.URL, DrainTimeout: time.Millisecond,
		Work: func(context.Context, domain.FetchClaim) error {
			close(begun)
			<-release
			return nil
		},
	}), 0, time.Second))
	receive(t, "work", begun)
	require.ErrorIs(t, p.end(), scheduler.ErrStuck)
	close(release)
}
