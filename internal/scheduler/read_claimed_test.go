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

// answers is Work that gives the answers in turn (nil: a panic), then reads what is claimed, and tells of each attempt.
func answers(of *due, errs ...error) (work func(context.Context, domain.FetchClaim) error, attempts chan domain.FetchClaim) {
	attempts = make(chan domain.FetchClaim, 100)
	var next atomic.Int64
	return func(ctx context.Context, claim domain.FetchClaim) error {
		attempts <- claim
		if n := int(next.Add(1)); n <= len(errs) {
			if errs[n-1] == nil {
				panic("no page")
			}
			return errs[n-1]
		}
		return of.done(ctx, claim)
	}, attempts
}

// What a job of our own side's fault left is due at once.
func TestFailedJobGivesItsClaimBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 2)
	work, attempts := answers(of, errors.New("boom"), nil)
	p := run(t, of.use(scheduler.Config{DatabaseURL: db.URL, Work: work}))
	first := receive(t, "the first attempt", attempts)
	for _, why := range []string{"the claim after an error", "the claim after a panic"} {
		again := receive(t, why, attempts)
		require.Equal(t, first.Accounts, again.Accounts)
		require.NotEqual(t, first.Until, again.Until, "a claim of its own")
	}
	eventually(t, "the end", func() bool { return p.count("jobs_total", "outcome=done") == 1 })
	require.Equal(t, 2, p.count("jobs_total", "outcome=failed"))
	eventually(t, "River to note it", func() bool {
		return rows(t, db.Pool, `kind = 'read_claimed' and state = 'cancelled' and errors[1]->>'error' like '%panic: no page%read_claimed_test.go%'`) == 1
	})
	require.Empty(t, attempts)
}

// Work that goes on is cut when its claim ends, and nobody else has the connection before. On a machine that stands still the claims after it
// may end unread, too.
func TestWorkIsCutAtTheEndOfItsClaim(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 1)
	attempts := make(chan bool, 1000) // whether the first claim had not ended when they began
	var first atomic.Pointer[domain.FetchClaim]
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, ClaimFor: time.Second,
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			if first.CompareAndSwap(nil, &claim) {
				attempts <- true
				<-ctx.Done()
				return ctx.Err()
			}
			var overlaps bool
			ctx = context.WithoutCancel(ctx)
			if err := db.Pool.QueryRow(ctx, `select clock_timestamp() < $1`, first.Load().Until).Scan(&overlaps); err != nil {
				return err
			}
			attempts <- overlaps
			return of.done(ctx, claim)
		},
	}))
	receive(t, "the first claim", attempts)
	require.False(t, receive(t, "the next one", attempts), "the claims do not overlap")
	eventually(t, "it to be read", func() bool { return of.left(t) == 0 })
	require.NoError(t, p.end())
	require.Positive(t, p.count("jobs_total", "outcome=cut"))
	require.Positive(t, p.count("jobs_total", "outcome=done"))
	require.Zero(t, p.count("jobs_total", "outcome=failed"))
}

// A worker that is deaf to its context holds up its queue: what waited is dropped and claimed anew, and piles up nothing.
func TestSlowWorkPilesUpNothing(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, scheduler.JobSize+1) // two jobs
	begun, release := make(chan domain.FetchClaim, 100), make(chan struct{})
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL, MaxWorkers: 1, ClaimFor: time.Second,
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			begun <- claim
			<-release
			return of.done(context.WithoutCancel(ctx), claim)
		},
	}))
	first := receive(t, "work", begun)
	eventually(t, "more claims", func() bool { return rows(t, db.Pool, `kind = 'read_claimed'`) >= 6 })
	require.Empty(t, begun)
	close(release)
	eventually(t, "all to be read", func() bool { return of.left(t) == 0 })
	require.NoError(t, p.end())
	require.Positive(t, p.count("jobs_total", "outcome=late"), "what waited longer than its claim")
	require.NotEmpty(t, first.Accounts)
}

func TestPlatformsDoNotHoldUpEachOther(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 1)
	worked := make(chan domain.FetchClaim, 100)
	cfg := of.use(scheduler.Config{
		DatabaseURL: db.URL, MaxWorkers: 1, DrainTimeout: time.Millisecond,
		Platforms: []domain.Platform{domain.Facebook, domain.Instagram, domain.TikTok},
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			if claim.Platform == domain.Facebook {
				<-ctx.Done()
				return ctx.Err()
			}
			worked <- claim
			return of.done(ctx, claim)
		},
	})
	cfg.Due = func(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error) {
		if queue.Platform == domain.Instagram {
			panic("no directory")
		}
		return of.due(ctx, queue, every)
	}
	p := run(t, cfg)
	require.Equal(t, domain.TikTok, receive(t, "work", worked).Platform)
	require.NoError(t, p.end())
	require.Empty(t, worked)
}
