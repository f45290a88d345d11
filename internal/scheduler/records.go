package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// maxListed is how many jobs River lists or deletes at once, enough for 2 million connections of a
// platform. What it leaves out is dropped when a worker comes to it, and loses its turn.
const maxListed = 10_000

// records is what the planning of one slot reads and writes in River's tables, in one transaction.
type records struct {
	client *river.Client[pgx.Tx]
	tx     pgx.Tx
	args   planArgs
}

// lastPlanned returns the latest slot before this one that was planned. River still remembers it, or
// nothing has ever been planned.
func (r *records) lastPlanned(ctx context.Context) (plannedArgs, bool, error) {
	params := river.NewJobListParams().Kinds(plannedArgs{}.Kind()).Queues(planQueue(r.args.For)).
		States(rivertype.JobStates()...).
		Where("args @> @args::jsonb", contains(`{"platform":%d}`, r.args.Platform)).
		Where("(args->>'slot')::timestamptz < @slot", river.NamedArgs{"slot": r.args.Slot}).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1)
	found, err := r.client.JobListTx(ctx, r.tx, params)
	if err != nil || len(found.Jobs) == 0 {
		return plannedArgs{}, false, wrap("find last planned slot", err)
	}
	last, err := decode[plannedArgs](found.Jobs[0])
	return last, err == nil, err
}

// mark says that the slot is planned, and reports whether nobody has said so before.
func (r *records) mark(ctx context.Context) (fresh bool, err error) {
	marker, err := r.client.InsertTx(ctx, r.tx, plannedArgs(r.args), nil)
	if err != nil {
		return false, fmt.Errorf("mark slot as planned: %w", err)
	}
	return !marker.UniqueSkippedAsDuplicate, nil
}

// turn is what became of a shard in the slot before.
type turn struct {
	shard  int
	served bool
}

// turns returns, in their order then, what became of the shards of an earlier slot. A job that was
// fetched only after its slot was not served: it was dropped, or is just being dropped.
func (r *records) turns(ctx context.Context, before plannedArgs) ([]turn, error) {
	params := river.NewJobListParams().Kinds(shardArgs{}.Kind()).Queues(shardQueue(r.args.For, r.args.Platform)).
		States(rivertype.JobStates()...).
		Where("args @> @args::jsonb", contains(`{"slot":%q}`, before.Slot.UTC().Format(time.RFC3339Nano))).
		OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(maxListed)
	found, err := r.client.JobListTx(ctx, r.tx, params)
	if err != nil {
		return nil, fmt.Errorf("list jobs of the slot before: %w", err)
	}
	turns := make([]turn, len(found.Jobs))
	for i, row := range found.Jobs {
		args, err := decode[shardArgs](row)
		if err != nil {
			return nil, err
		}
		turns[i] = turn{args.Shard, row.AttemptedAt != nil && row.AttemptedAt.Before(args.End)}
	}
	return turns, nil
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
func (r *records) insert(ctx context.Context, shards []int) error {
	if len(shards) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(shards))
	for i, shard := range shards {
		jobs[i].Args = shardArgs{
			For: r.args.For, Platform: r.args.Platform, Shard: shard, Slot: r.args.Slot, End: r.args.End,
		}
	}
	if _, err := r.client.InsertManyTx(ctx, r.tx, jobs); err != nil {
		return fmt.Errorf("insert %d shards: %w", len(shards), err)
	}
	return nil
}

// inOrder returns the shards 0 to n-1: first those that waited in vain, last those that were served,
// both in the order of that time. When there is more work than time, all shards so take turns. Shards
// of which River knows nothing are new, or were done long ago.
func inOrder(turns []turn, n int) []int {
	type place struct{ rank, at int }
	places := make(map[int]place, len(turns))
	for i, t := range turns {
		rank := -1
		if t.served {
			rank = 1
		}
		places[t.shard] = place{rank, i}
	}
	shards := make([]int, n)
	for i := range shards {
		shards[i] = i
	}
	slices.SortStableFunc(shards, func(a, b int) int {
		return cmp.Or(cmp.Compare(places[a].rank, places[b].rank), cmp.Compare(places[a].at, places[b].at))
	})
	return shards
}

// contains is the argument of a search for a part of a job's arguments, in JSON.
func contains(part string, value any) river.NamedArgs {
	return river.NamedArgs{"args": fmt.Sprintf(part, value)}
}

func decode[Args any](row *rivertype.JobRow) (args Args, err error) {
	if err := json.Unmarshal(row.EncodedArgs, &args); err != nil {
		return args, fmt.Errorf("decode job %d: %w", row.ID, err)
	}
	return args, nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
