package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// answers is Work that gives the answers in turn, then nil, and tells of each attempt.
func answers(errs ...error) (work func(context.Context, scheduler.Job) error, attempts chan scheduler.Job) {
	attempts = make(chan scheduler.Job, 100)
	var next atomic.Int64
	return func(_ context.Context, job scheduler.Job) error {
		attempts <- job
		if n := int(next.Add(1)); n <= len(errs) {
			if errs[n-1] == nil {
				panic("no page")
			}
			return errs[n-1]
		}
		return nil
	}, attempts
}

func TestFailedJobIsRetriedInItsSlot(t *testing.T) {
	t.Parallel()
	db := database(t)
	boom := errors.New("boom")
	work, attempts := answers(boom, nil, scheduler.RetryAfter(10*time.Millisecond, boom))
	// The first pauses are 30 s and 60 s; River is told that they are over.
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: work})
	first := receive(t, "the first attempt", attempts)
	for _, why := range []string{"the retry after an error", "the retry after a panic"} {
		skipPause(t, db.Pool)
		require.Equal(t, first, receive(t, why, attempts))
	}
	require.Equal(t, first, receive(t, "the retry that was asked for", attempts))
	eventually(t, "the end", func() bool { return p.count("jobs_total", "outcome=done") == 1 })
	require.Equal(t, 2, p.count("jobs_total", "outcome=retried"))
	require.Equal(t, 1, p.count("jobs_total", "outcome=snoozed"))
	eventually(t, "River to note it", func() bool {
		return rows(t, db.Pool, `kind = 'work_shard' and state = 'completed' and array_length(errors, 1) = 2`) == 1
	})
	require.Equal(t, 1, rows(t, db.Pool, `kind = 'work_shard' and errors[2]->>'error' like '%panic: no page%work_test.go%'`), "a panic tells its place")
	require.Empty(t, attempts)
}

// In a slot of a second pauses double from 33 ms to a quarter of a second.
func TestFailingJobIsGivenUpWithItsSlot(t *testing.T) {
	t.Parallel()
	db := database(t)
	var worked record
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, time.Second), Work: func(_ context.Context, job scheduler.Job) error {
		if late := time.Since(job.Begin); late >= time.Second {
			return errors.New("begun behind its slot")
		}
		worked.add(job)
		return errors.New("boom")
	}})
	eventually(t, "three jobs to be given up", func() bool { return p.count("jobs_total", "outcome=failed") >= 3 })
	require.NoError(t, p.end())
	require.Positive(t, p.count("jobs_total", "outcome=retried"))
	require.Equal(t, len(worked.all()), p.count("jobs_total"), "no attempt begins behind its slot")
	require.LessOrEqual(t, rows(t, db.Pool, `kind = 'work_shard' and state not in ('cancelled', 'completed')`), 1)
}

func TestQuotaBeyondTheSlotSkipsTheRest(t *testing.T) {
	t.Parallel()
	db := database(t)
	work, attempts := answers(scheduler.RetryAfter(2*ages, errors.New("quota is used up")))
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: work})
	receive(t, "the attempt", attempts)
	eventually(t, "the skip", func() bool { return p.count("skipped_slots_total", "reason=quota") == 1 })
	eventually(t, "the end of the job", func() bool { return rows(t, db.Pool, `kind = 'work_shard' and state = 'cancelled'`) == 1 })
	require.Empty(t, attempts)
}

func TestWorkIsCutAtTheEndOfItsSlot(t *testing.T) {
	t.Parallel()
	db := database(t)
	ends := make(chan time.Time, 100)
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, time.Second), Work: func(ctx context.Context, job scheduler.Job) error {
		deadline, _ := ctx.Deadline()
		if !deadline.Equal(job.Begin.Add(time.Second)) {
			return nil // shows as a count of 0
		}
		<-ctx.Done()
		ends <- time.Now()
		return ctx.Err()
	}})
	receive(t, "the cut", ends)
	receive(t, "the next slot's cut", ends)
	require.NoError(t, p.end())
	require.GreaterOrEqual(t, p.count("jobs_total", "outcome=cut"), 2)
}

func TestLongWorkGoesOnInAnotherAttempt(t *testing.T) {
	t.Parallel()
	db := database(t)
	attempts := make(chan scheduler.Job, 100)
	var n atomic.Int64
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), AttemptTimeout: time.Second,
		Work: func(ctx context.Context, job scheduler.Job) error {
			attempts <- job
			if n.Add(1) > 2 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
	})
	first := receive(t, "the first attempt", attempts)
	require.Equal(t, first, receive(t, "the second", attempts))
	require.Equal(t, first, receive(t, "the third", attempts))
	eventually(t, "the end", func() bool { return p.count("jobs_total", "outcome=done") == 1 })
	require.Equal(t, 2, p.count("jobs_total", "outcome=continued"))
}

func TestSlowWorkSkipsSlotsAndPilesUpNothing(t *testing.T) {
	t.Parallel()
	db := database(t)
	const all = 5
	begun, release := make(chan scheduler.Job, 100), make(chan struct{})
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, time.Second), Shards: shards(all), MaxWorkers: 1,
		Work: func(_ context.Context, job scheduler.Job) error { // deaf to its context
			begun <- job
			<-release
			return nil
		},
	})
	slow := receive(t, "work", begun)
	eventually(t, "slots to pass", func() bool {
		require.LessOrEqual(t, rows(t, db.Pool, waiting), all)
		return rows(t, db.Pool, `kind = 'slot_planned'`) >= 4
	})
	require.Empty(t, begun)
	release <- struct{}{}
	next := receive(t, "work of a later slot", begun)
	require.GreaterOrEqual(t, next.Begin.Sub(slow.Begin), 2*time.Second, "slots were skipped, not made up for")
	close(release)
	require.NoError(t, p.end())
	require.GreaterOrEqual(t, p.count("skipped_slots_total", "reason=late"), (all-1)+2*all)
	planned := rows(t, db.Pool, `kind = 'slot_planned'`) * all
	require.Equal(t, planned, p.count("jobs_total")+p.count("skipped_slots_total", "reason=late")+rows(t, db.Pool, waiting),
		"every slot of every shard was worked, is waiting, or was counted as late")
}

func TestShardIsNotWorkedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, release := make(chan scheduler.Job, 100), make(chan struct{})
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, time.Second), MaxWorkers: 3,
		Work: func(_ context.Context, job scheduler.Job) error {
			begun <- job
			<-release
			return nil
		},
	})
	receive(t, "work", begun)
	eventually(t, "a slot to be skipped", func() bool { return p.count("skipped_slots_total", "reason=overlap") >= 2 })
	require.Empty(t, begun)
	close(release)
	receive(t, "work of a later slot", begun)
}

func TestSingleConnectionsAreTriedAgainInTheSlot(t *testing.T) {
	t.Parallel()
	db := database(t)
	attempts := make(chan scheduler.Job, 100)
	boom := errors.New("boom")
	var alone atomic.Int64
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, ages), Work: func(_ context.Context, job scheduler.Job) error {
		attempts <- job
		switch {
		case job.Connection == 0:
			return scheduler.RetryConnections(nil,
				domain.FetchRetry{SocialAccount: 7}, domain.FetchRetry{SocialAccount: 8}, domain.FetchRetry{SocialAccount: 9, After: 2 * ages})
		case job.Connection == 7 && alone.Add(1) == 1:
			return boom
		default:
			return nil
		}
	}})
	shard := receive(t, "the shard", attempts)
	require.Zero(t, shard.Connection)
	seen := map[int64]int{}
	for range 2 {
		again := receive(t, "a connection", attempts)
		seen[again.Connection]++
		again.Connection = 0
		require.Equal(t, shard, again, "it belongs to the slot and the shard")
	}
	require.Equal(t, map[int64]int{7: 1, 8: 1}, seen, "a pause beyond the slot makes no job")
	skipPause(t, db.Pool)
	require.EqualValues(t, 7, receive(t, "the connection that failed again", attempts).Connection)
	eventually(t, "the end", func() bool { return p.count("jobs_total", "outcome=done") == 3 })
	require.Empty(t, attempts)
	require.Equal(t, 1, rows(t, db.Pool, `kind = 'work_shard' and not args ? 'connection'`), "the shard itself was done at once")
}

func TestConnectionsAreTriedAgainAlsoWhenTheShardGoesOn(t *testing.T) {
	t.Parallel()
	db := database(t)
	attempts := make(chan scheduler.Job, 100)
	var n atomic.Int64
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), AttemptTimeout: time.Second,
		Work: func(ctx context.Context, job scheduler.Job) error {
			attempts <- job
			if n.Add(1) > 1 {
				return nil
			}
			<-ctx.Done() // the attempt's time is over
			return scheduler.RetryConnections(ctx.Err(), domain.FetchRetry{SocialAccount: 7})
		},
	})
	seen := map[int64]int{}
	for range 3 {
		seen[receive(t, "an attempt", attempts).Connection]++
	}
	require.Equal(t, map[int64]int{0: 2, 7: 1}, seen)
	eventually(t, "the end", func() bool { return p.count("jobs_total", "outcome=done") == 2 })
	require.Equal(t, 1, p.count("jobs_total", "outcome=continued"))
}

func TestConnectionsAreNotTriedAgainBehindTheirSlot(t *testing.T) {
	t.Parallel()
	db := database(t)
	var worked record
	var late atomic.Int64
	p := run(t, scheduler.Config{DatabaseURL: db.URL, Every: every(t, time.Second), Work: func(_ context.Context, job scheduler.Job) error {
		if time.Since(job.Begin) >= time.Second {
			late.Add(1)
		}
		worked.add(job)
		return scheduler.RetryConnections(nil, domain.FetchRetry{SocialAccount: 7, After: 900 * time.Millisecond})
	}})
	eventually(t, "a few slots", func() bool { return len(worked.all()) > 6 })
	require.NoError(t, p.end())
	require.Zero(t, late.Load())
	require.LessOrEqual(t, rows(t, db.Pool, waiting), 3, "retries of earlier slots are dropped")
}

func TestPlatformsDoNotHoldUpEachOther(t *testing.T) {
	t.Parallel()
	db := database(t)
	worked := make(chan scheduler.Job, 100)
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), MaxWorkers: 1,
		Platforms: []domain.Platform{domain.Facebook, domain.Instagram, domain.TikTok},
		Shards: func(_ context.Context, slot domain.FetchSlot, _ time.Duration) (int, error) {
			if slot.Platform == domain.Instagram {
				panic("no directory")
			}
			return 3, nil
		},
		Work: func(ctx context.Context, job scheduler.Job) error {
			if job.Platform == domain.Facebook {
				<-ctx.Done()
				return ctx.Err()
			}
			worked <- job
			return nil
		},
		DrainTimeout: time.Millisecond,
	})
	for range 3 {
		require.Equal(t, domain.TikTok, receive(t, "work", worked).Platform)
	}
	require.NoError(t, p.end())
	require.Empty(t, worked)
}
