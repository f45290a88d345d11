package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// pauses answer Config.Paused: TikTok is paused while on is set, and unknown while broken is.
type pauses struct{ on, broken atomic.Bool }

func (p *pauses) paused(_ context.Context, platform domain.Platform) (bool, error) {
	if p.broken.Load() {
		return false, errors.New("no database")
	}
	return p.on.Load() && platform == domain.TikTok, nil
}

// Nothing of a paused platform is claimed, the others are; what is due is claimed after the pause.
func TestPausedPlatformIsNotClaimed(t *testing.T) {
	t.Parallel()
	db := database(t)
	of, flags := newDue(t, db, 1), &pauses{}
	flags.on.Store(true)
	work, attempts := answers(of)
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, Work: work, Paused: flags.paused, Platforms: []domain.Platform{domain.TikTok, domain.LinkedIn},
	}))
	require.Equal(t, domain.LinkedIn, receive(t, "work of the other platform", attempts).Platform)
	eventually(t, "looks", func() bool {
		return rows(t, db.Pool, `kind = 'claim_due' and state = 'completed' and args @> '{"platform": 6}'`) >= 2
	})
	require.Zero(t, rows(t, db.Pool, `kind = 'read_claimed' and args @> '{"platform": 6}'`))

	flags.on.Store(false)
	require.Equal(t, domain.TikTok, receive(t, "work after the pause", attempts).Platform)
	require.NoError(t, p.end())
	require.Empty(t, attempts)
	require.Equal(t, 2, p.count("jobs_total"))
	require.Equal(t, 2, p.count("jobs_total", "outcome=done"))
}

// Work under way ends when its platform is paused, jobs that wait do not begin; the claims are given back, so that all is due
// after the pause.
func TestPauseEndsWorkUnderWay(t *testing.T) {
	t.Parallel()
	db := database(t)
	of, flags := newDue(t, db, scheduler.JobSize+1), &pauses{} // two jobs
	attempts, ended := make(chan domain.FetchClaim, 10), make(chan error, 10)
	var first atomic.Bool
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, MaxWorkers: 1, Paused: flags.paused,
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			attempts <- claim
			if first.CompareAndSwap(false, true) {
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
			return of.done(ctx, claim)
		},
	}))
	receive(t, "the first job", attempts)
	flags.on.Store(true)
	require.ErrorIs(t, receive(t, "its end", ended), context.Canceled)
	eventually(t, "both jobs to end", func() bool { return p.count("jobs_total", "outcome=paused") >= 2 })
	require.Empty(t, attempts)

	flags.on.Store(false)
	left := scheduler.JobSize + 1
	for left > 0 {
		left -= len(receive(t, "a job after the pause", attempts).Accounts)
	}
	require.Zero(t, left)
	require.NoError(t, p.end())
	require.Zero(t, p.count("jobs_total", "outcome=failed"))
}

// While pauses cannot be asked for, nothing begins, and what runs goes on.
func TestUnknownPauseHoldsJobsBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	of, flags := newDue(t, db, scheduler.JobSize+1), &pauses{}
	attempts, release := make(chan domain.FetchClaim, 10), make(chan struct{})
	var asked atomic.Int64
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, MaxWorkers: 1,
		Paused: func(ctx context.Context, platform domain.Platform) (bool, error) {
			asked.Add(1)
			return flags.paused(ctx, platform)
		},
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			attempts <- claim
			if len(claim.Accounts) == scheduler.JobSize {
				<-release
			}
			return errors.Join(ctx.Err(), of.done(ctx, claim))
		},
	}))
	require.Len(t, receive(t, "the first job", attempts).Accounts, scheduler.JobSize)
	flags.broken.Store(true)
	before := asked.Load()
	eventually(t, "questions while it runs", func() bool { return asked.Load() >= before+2 })
	close(release)
	eventually(t, "the first job to be done", func() bool { return p.count("jobs_total", "outcome=done") == 1 })
	eventually(t, "the other one to be held back", func() bool { return p.count("jobs_total", "outcome=paused") >= 1 })
	require.Empty(t, attempts)
	flags.broken.Store(false)
	require.Len(t, receive(t, "the other job", attempts).Accounts, 1)
}
