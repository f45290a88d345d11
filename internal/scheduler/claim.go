package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
)

// JobSize is how many connections a job reads at most.
const JobSize = 200

// How long a claim lasts: as long as so many looks at what is due.
const (
	longestClaim  = 5 * time.Minute
	shortestClaim = time.Minute
	looksInAClaim = 10
)

// claimTimeout bounds a tick: one query for what is due and one transaction.
const claimTimeout = 30 * time.Second

// periodicJobs lets every kind and platform be looked at in its interval, by whichever process leads.
func (s *Scheduler) periodicJobs() []*river.PeriodicJob {
	var jobs []*river.PeriodicJob
	for kind, every := range s.cfg.Every {
		for _, platform := range s.cfg.Platforms {
			tick := func() (river.JobArgs, *river.InsertOpts) {
				return claimArgs{For: kind, Platform: platform}, nil
			}
			jobs = append(jobs, river.NewPeriodicJob(river.PeriodicInterval(every), tick, &river.PeriodicJobOpts{RunOnStart: true}))
		}
	}
	if s.cfg.Pictures != nil {
		look := func() (river.JobArgs, *river.InsertOpts) { return picturesArgs{}, nil }
		jobs = append(jobs, river.NewPeriodicJob(river.PeriodicInterval(picturesEvery), look, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	return jobs
}

// claimer works claimArgs.
type claimer struct {
	river.WorkerDefaults[claimArgs]

	s *Scheduler
}

// Timeout implements [river.Worker].
func (c *claimer) Timeout(*river.Job[claimArgs]) time.Duration { return claimTimeout }

// Work implements [river.Worker]. What a tick could not claim the next one finds due.
func (c *claimer) Work(ctx context.Context, job *river.Job[claimArgs]) error {
	if c.s.heldBack(ctx, job.Args.Platform) {
		return nil
	}
	err := c.claim(ctx, job.Args.queue())
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		c.s.log.WarnContext(ctx, "what is due cannot be claimed now: the next tick finds it", "kind", job.Args.For,
			"platform", job.Args.Platform.String(), "error", err)
	}
	return river.JobCancel(err)
}

// claim has the claims and their jobs made in one transaction: neither is there without the other.
func (c *claimer) claim(ctx context.Context, queue domain.FetchQueue) (err error) {
	defer recovered(&err)
	due, err := c.s.cfg.Due(ctx, queue, c.s.cfg.Every[queue.Kind])
	if err != nil || len(due) == 0 {
		return err
	}
	return pgx.BeginFunc(ctx, c.s.pool, func(tx pgx.Tx) error {
		claim, err := c.s.cfg.Claim(ctx, tx, queue, due, c.s.cfg.claimFor(queue.Kind))
		if err != nil || len(claim.Accounts) == 0 {
			return err
		}
		var jobs []river.InsertManyParams
		for some := range slices.Chunk(claim.Accounts, JobSize) {
			jobs = append(jobs, river.InsertManyParams{
				Args: readArgs{For: queue.Kind, Platform: queue.Platform, Until: claim.Until.UTC(), Accounts: some},
			})
		}
		if _, err := river.ClientFromContext[pgx.Tx](ctx).InsertManyTx(ctx, tx, jobs); err != nil {
			return fmt.Errorf("insert jobs of %d claimed connections: %w", len(claim.Accounts), err)
		}
		return nil
	})
}

// timeLeft is how long a claim lasts from now on, by the database's clock: this process's may be wrong.
func (s *Scheduler) timeLeft(ctx context.Context, until time.Time) (left time.Duration, err error) {
	var seconds float64
	err = s.pool.QueryRow(ctx, `select extract(epoch from $1::timestamptz - clock_timestamp())::float8`, until).Scan(&seconds)
	if err != nil {
		return 0, errors.Join(errors.New("ask how long a claim lasts"), err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// claimFor is how long claims of a kind last.
func (c Config) claimFor(kind string) time.Duration {
	return cmp.Or(c.ClaimFor, min(max(looksInAClaim*c.Every[kind], shortestClaim), longestClaim))
}

// jobTimeout bounds every job: the end of its claim comes first.
func (c Config) jobTimeout() time.Duration { return cmp.Or(c.ClaimFor, longestClaim) + time.Minute }
