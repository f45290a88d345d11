package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// shownJobs is how many jobs [Jobs.List] shows of each state.
const shownJobs = 100

// Jobs lets operators look at jobs and act on them, beside the processes that work.
type Jobs struct {
	pool    *pgxpool.Pool
	client  *river.Client[pgx.Tx]
	makeDue MakeDue
}

// MakeDue makes all connections of a queue due, in the transaction.
type MakeDue func(ctx context.Context, tx pgx.Tx, queue domain.FetchQueue, now time.Time) error

// OpenJobs connects to the jobs of a database that [Migrate] has prepared.
func OpenJobs(ctx context.Context, databaseURL string, makeDue MakeDue) (*Jobs, error) {
	pool, err := pg.Open(ctx, pg.Config{URL: databaseURL, SearchPath: []string{Schema}, Name: "jobs", MaxConns: 2})
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: Schema})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("make River client: %w", err)
	}
	return &Jobs{pool, client, makeDue}, nil
}

// Close gives the connections back.
func (j *Jobs) Close() { j.pool.Close() }

// List returns what runs, failed, comes next and was done of late: up to a hundred of each state, the newest first.
func (j *Jobs) List(ctx context.Context) ([]operator.Job, error) {
	var jobs []operator.Job
	for _, state := range []rivertype.JobState{
		rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateAvailable, rivertype.JobStateScheduled,
		rivertype.JobStateDiscarded, rivertype.JobStateCancelled, rivertype.JobStateCompleted,
	} {
		found, err := j.client.JobList(ctx, river.NewJobListParams().States(state).First(shownJobs).OrderBy(river.JobListOrderByID, river.SortOrderDesc))
		if err != nil {
			return nil, fmt.Errorf("list %s jobs: %w", state, err)
		}
		for _, row := range found.Jobs {
			job := operator.Job{
				ID: row.ID, Kind: row.Kind, Queue: row.Queue, State: string(row.State), Attempt: row.Attempt,
				ScheduledAt: row.ScheduledAt, AttemptedAt: row.AttemptedAt, FinishedAt: row.FinalizedAt,
			}
			if n := len(row.Errors); n > 0 {
				job.Error = row.Errors[n-1].Error
			}
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// Cancel cancels a job; one that runs is told to end. CodeNotFound: there is none.
func (j *Jobs) Cancel(ctx context.Context, id int64) error {
	_, err := j.client.JobCancel(ctx, id)
	return jobError(err, "cancel", id)
}

// Retry lets a job run now, whatever it waits for; one that runs goes on. CodeNotFound: there is none.
func (j *Jobs) Retry(ctx context.Context, id int64) error {
	_, err := j.client.JobRetry(ctx, id)
	return jobError(err, "retry", id)
}

func jobError(err error, what string, id int64) error {
	if errors.Is(err, rivertype.ErrNotFound) {
		return domain.NewError(domain.CodeNotFound, "There is no job %d. Done jobs are kept for ten minutes.", id)
	}
	if err != nil {
		return fmt.Errorf("%s job %d: %w", what, id, err)
	}
	return nil
}
