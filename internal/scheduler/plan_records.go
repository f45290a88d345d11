package scheduler

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// maxListed is how many jobs River deletes at once. What it leaves out is dropped when a worker comes to
// it.
const maxListed = 10_000

// records is what the planning of one slot reads and writes in River's tables, in one transaction.
type records struct {
	client *river.Client[pgx.Tx]
	tx     pgx.Tx
	args   planArgs
}

// lastPlanned returns the latest slot before this one that was planned. River still remembers it, or
// nothing has ever been planned.
func (r *records) lastPlanned(ctx context.Context) (last plannedArgs, found bool, err error) {
	params := ofPlatform(river.NewJobListParams(), r.args.Platform).Kinds(plannedArgs{}.Kind()).Queues(planQueue(r.args.For)).
		States(rivertype.JobStates()...).
		Where("(args->>'slot')::timestamptz < @slot", river.NamedArgs{"slot": r.args.Slot}).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1)
	jobs, err := r.client.JobListTx(ctx, r.tx, params)
	if err != nil {
		return last, false, fmt.Errorf("find last planned slot: %w", err)
	}
	if len(jobs.Jobs) == 0 {
		return last, false, nil
	}
	if err := json.Unmarshal(jobs.Jobs[0].EncodedArgs, &last); err != nil {
		return last, false, fmt.Errorf("decode job %d: %w", jobs.Jobs[0].ID, err)
	}
	return last, true, nil
}

// mark says that the slot is planned, and reports whether nobody has said so before.
func (r *records) mark(ctx context.Context) (fresh bool, err error) {
	marker, err := r.client.InsertTx(ctx, r.tx, plannedArgs(r.args), nil)
	if err != nil {
		return false, fmt.Errorf("mark slot as planned: %w", err)
	}
	return !marker.UniqueSkippedAsDuplicate, nil
}

// dropLate removes the jobs of earlier slots that still wait for a worker, and counts them.
func (r *records) dropLate(ctx context.Context) (int, error) {
	params := river.NewJobDeleteManyParams().Kinds(shardArgs{}.Kind()).Queues(shardQueue(r.args.For, r.args.Platform)).
		States(rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateScheduled).
		Where("(args->>'slot')::timestamptz < @slot", river.NamedArgs{"slot": r.args.Slot}).First(maxListed)
	dropped, err := r.client.JobDeleteManyTx(ctx, r.tx, params)
	if err != nil {
		return 0, fmt.Errorf("drop late jobs: %w", err)
	}
	return len(dropped.Jobs), nil
}

// insert makes the slot's jobs; workers take them in this order.
func (r *records) insert(ctx context.Context, shards int) error {
	if shards == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, shards)
	for i := range jobs {
		jobs[i].Args = shardArgs{
			For: r.args.For, Platform: r.args.Platform, Shard: i, Slot: r.args.Slot, End: r.args.End,
		}
	}
	if _, err := r.client.InsertManyTx(ctx, r.tx, jobs); err != nil {
		return fmt.Errorf("insert %d shards: %w", shards, err)
	}
	return nil
}
