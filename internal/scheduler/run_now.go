package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/ledgerboard/ledgerboard/domain"
)

// runLock is held by whoever lets a slot begin: of two operators the second finds what the first has begun.
const runLock = "ledgerboard run of jobs"

// Run lets a slot of a kind and platform begin now, which lasts until the present one ends. What is due is divided and read as
// in any slot; what was planned for the present one and waits is divided again. CodeConflict: no process fetches the platform, or it
// is being read: two slots beside each other would read connections twice.
func (j *Jobs) Run(ctx context.Context, kind string, platform domain.Platform) error {
	return pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext($1))`, runLock); err != nil {
			return fmt.Errorf("lock the run of jobs: %w", err)
		}
		now := time.Now().UTC().Truncate(time.Millisecond)
		end, err := j.slotEnd(ctx, tx, kind, platform, now)
		if err != nil {
			return err
		}
		busy, found, err := j.newest(ctx, tx, platform, river.NewJobListParams().Kinds(planArgs{}.Kind(), shardArgs{}.Kind()).
			Queues(planQueue(kind), shardQueue(kind, platform)).States(rivertype.JobStateAvailable, rivertype.JobStateRunning))
		if err != nil {
			return err
		}
		if found {
			return domain.NewError(domain.CodeConflict, "Job %d of %s on %s is %s: what is due is being read. Wait for its end, or cancel it.",
				busy.ID, kind, platform, busy.State)
		}
		if _, err := j.client.InsertTx(ctx, tx, planArgs{For: kind, Platform: platform, Slot: now, End: end}, nil); err != nil {
			return fmt.Errorf("begin a slot of %s on %s: %w", kind, platform, err)
		}
		return nil
	})
}

// slotEnd is when the present slot ends. That it is planned says that some process fetches: this one knows no schedule.
func (j *Jobs) slotEnd(ctx context.Context, tx pgx.Tx, kind string, platform domain.Platform, now time.Time) (time.Time, error) {
	marker, found, err := j.newest(ctx, tx, platform, river.NewJobListParams().Kinds(plannedArgs{}.Kind()).Queues(planQueue(kind)).
		States(rivertype.JobStateScheduled).Where("(args->>'end')::timestamptz > @now", river.NamedArgs{"now": now}))
	if err != nil {
		return time.Time{}, err
	}
	if !found {
		return time.Time{}, domain.NewError(domain.CodeConflict,
			"No process fetches %s of %s now. Start a service with the role fetcher: what is due is read at once.", kind, platform)
	}
	var slot plannedArgs
	if err := json.Unmarshal(marker.EncodedArgs, &slot); err != nil {
		return time.Time{}, fmt.Errorf("decode job %d: %w", marker.ID, err)
	}
	return slot.End, nil
}

// newest finds the newest job of a platform.
func (j *Jobs) newest(ctx context.Context, tx pgx.Tx, platform domain.Platform, of *river.JobListParams) (*rivertype.JobRow, bool, error) {
	jobs, err := j.client.JobListTx(ctx, tx, ofPlatform(of, platform).OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1))
	if err != nil {
		return nil, false, fmt.Errorf("look for jobs of %s: %w", platform, err)
	}
	if len(jobs.Jobs) == 0 {
		return nil, false, nil
	}
	return jobs.Jobs[0], true, nil
}

// ofPlatform leaves the jobs of one platform: plans of all share a queue.
func ofPlatform(jobs *river.JobListParams, platform domain.Platform) *river.JobListParams {
	return jobs.Where("args @> @args::jsonb", river.NamedArgs{"args": fmt.Sprintf(`{"platform":%d}`, platform)})
}
