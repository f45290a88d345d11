package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/ledgerboard/ledgerboard/domain"
)

// planTimeout bounds the planning of a slot: counting shards and one transaction.
const planTimeout = 30 * time.Second

// maxLate is how many late jobs one plan drops; it is River's limit, for 2 million connections. Others
// are dropped when a worker comes to them.
const maxLate = 10_000

// slots is the [river.PeriodicSchedule] of one kind.
type slots struct{ Schedule }

// Next implements [river.PeriodicSchedule]. River asks again and again from the last slot; after a
// sleep of the machine the slots that passed meanwhile are not gone through one by one.
func (s slots) Next(current time.Time) time.Time {
	next := s.Schedule.Next(current)
	if now := time.Now(); next.Before(now) {
		return s.At(now)
	}
	return next
}

// early is more than how long before its time River may make a periodic job (100 ms).
const early = 200 * time.Millisecond

// periodicJobs has the slots of every kind and platform planned, by whichever process leads. A new
// leader plans the present slot; if that has been done before, planning it again does nothing.
func (s *Scheduler) periodicJobs() []*river.PeriodicJob {
	var jobs []*river.PeriodicJob
	for kind, schedule := range s.cfg.Every {
		for _, platform := range s.cfg.Platforms {
			plan := func() (river.JobArgs, *river.InsertOpts) {
				slot := schedule.At(time.Now().Add(early))
				return planArgs{For: kind, Platform: platform, Slot: slot, End: schedule.Next(slot)}, nil
			}
			jobs = append(jobs, river.NewPeriodicJob(slots{schedule}, plan, &river.PeriodicJobOpts{RunOnStart: true}))
		}
	}
	return jobs
}

// planner works planArgs.
type planner struct {
	river.WorkerDefaults[planArgs]
	s *Scheduler
}

// Timeout implements [river.Worker].
func (p *planner) Timeout(*river.Job[planArgs]) time.Duration { return planTimeout }

// NextRetry implements [river.Worker].
func (p *planner) NextRetry(job *river.Job[planArgs]) time.Time {
	return time.Now().Add(backOff(job.Attempt, job.Args.End.Sub(job.Args.Slot)))
}

// Work implements [river.Worker].
func (p *planner) Work(ctx context.Context, job *river.Job[planArgs]) error {
	now := time.Now()
	switch {
	case !now.Before(job.Args.End):
		return nil // the next plan counts it
	case now.Before(job.Args.Slot):
		return river.JobSnooze(job.Args.Slot.Sub(now))
	case !p.s.cfg.Ready():
		return river.JobSnooze(notReadyPause)
	}
	ctx, cancel := context.WithDeadline(ctx, job.Args.End)
	defer cancel()
	err := p.plan(ctx, job.Args)
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return errors.Join(err, ctx.Err()) // the process stops; River gives the job back
	}
	p.s.log.WarnContext(ctx, "plan slot", "kind", job.Args.For, "platform", job.Args.Platform.String(),
		"slot", job.Args.Slot, "error", err)
	if p.NextRetry(job).After(job.Args.End) {
		return river.JobCancel(err)
	}
	return err
}

func (p *planner) plan(ctx context.Context, args planArgs) error {
	shards, err := p.s.countShards(ctx, args.Platform)
	if err != nil {
		return fmt.Errorf("count shards: %w", err)
	}
	var missed int
	var late []shardArgs
	err = pgx.BeginFunc(ctx, p.s.pool, func(tx pgx.Tx) error {
		client := river.ClientFromContext[pgx.Tx](ctx)
		before, found, err := lastPlanned(ctx, client, tx, args)
		if err != nil {
			return err
		}
		marker, err := client.InsertTx(ctx, tx, plannedArgs(args), nil)
		if err != nil {
			return fmt.Errorf("mark slot as planned: %w", err)
		}
		if marker.UniqueSkippedAsDuplicate {
			return nil // another process, or an earlier attempt, has planned it
		}
		if schedule, ok := p.s.cfg.Every[args.For]; ok && found {
			missed = schedule.between(before, args.Slot) * shards
		}
		if late, err = dropLate(ctx, client, tx, args); err != nil {
			return err
		}
		return insertShards(ctx, client, tx, args, inTurn(late, shards))
	})
	if err != nil {
		return err
	}
	p.s.metrics.skip(args.For, args.Platform, skipUnplanned, missed)
	p.s.metrics.skip(args.For, args.Platform, skipLate, len(late))
	return nil
}

// lastPlanned returns the latest slot before this one that was planned; River still remembers it, or
// nothing has ever been planned.
func lastPlanned(ctx context.Context, client *river.Client[pgx.Tx], tx pgx.Tx, args planArgs) (time.Time, bool, error) {
	params := river.NewJobListParams().Kinds(plannedArgs{}.Kind()).Queues(planQueue(args.For)).
		States(rivertype.JobStates()...).
		Where("args @> @platform::jsonb", river.NamedArgs{"platform": fmt.Sprintf(`{"platform":%d}`, args.Platform)}).
		Where("(args->>'slot')::timestamptz < @slot", river.NamedArgs{"slot": args.Slot}).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1)
	found, err := client.JobListTx(ctx, tx, params)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("find last planned slot: %w", err)
	}
	rows, err := decode[plannedArgs](found.Jobs)
	if err != nil || len(rows) == 0 {
		return time.Time{}, false, err
	}
	return rows[0].Slot, true, nil
}

// dropLate removes the platform's jobs of earlier slots that still wait for a worker, and returns
// them in their order.
func dropLate(ctx context.Context, client *river.Client[pgx.Tx], tx pgx.Tx, args planArgs) ([]shardArgs, error) {
	params := river.NewJobDeleteManyParams().Kinds(shardArgs{}.Kind()).Queues(shardQueue(args.For, args.Platform)).
		States(rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateScheduled).
		Where("(args->>'slot')::timestamptz < @slot", river.NamedArgs{"slot": args.Slot}).First(maxLate)
	dropped, err := client.JobDeleteManyTx(ctx, tx, params)
	if err != nil {
		return nil, fmt.Errorf("drop late jobs: %w", err)
	}
	return decode[shardArgs](dropped.Jobs)
}

func insertShards(ctx context.Context, client *river.Client[pgx.Tx], tx pgx.Tx, args planArgs, order []int) error {
	if len(order) == 0 {
		return nil
	}
	var jobs []river.InsertManyParams
	for _, shard := range order {
		jobs = append(jobs, river.InsertManyParams{Args: shardArgs{
			For: args.For, Platform: args.Platform, Shard: shard, Slot: args.Slot, End: args.End,
		}})
	}
	if _, err := client.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("insert %d shards: %w", len(order), err)
	}
	return nil
}

// inTurn returns the shards 0 to n-1, those first, in their order, that waited for a worker in vain:
// when there is more work than time, all shards take turns.
func inTurn(waiting []shardArgs, n int) []int {
	place := make(map[int]int, len(waiting))
	for i, w := range waiting {
		if _, ok := place[w.Shard]; !ok {
			place[w.Shard] = i - len(waiting) // below 0, the place of those that do not wait
		}
	}
	shards := make([]int, n)
	for i := range shards {
		shards[i] = i
	}
	slices.SortStableFunc(shards, func(a, b int) int { return cmp.Compare(place[a], place[b]) })
	return shards
}

func decode[Args any](rows []*rivertype.JobRow) ([]Args, error) {
	all := make([]Args, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.EncodedArgs, &all[i]); err != nil {
			return nil, fmt.Errorf("decode job %d: %w", row.ID, err)
		}
	}
	return all, nil
}

// countShards asks the application, and does not let its panic end the process's planning.
func (s *Scheduler) countShards(ctx context.Context, platform domain.Platform) (shards int, err error) {
	defer recovered(&err)
	shards, err = s.cfg.Shards(ctx, platform)
	if err == nil && shards < 0 {
		err = fmt.Errorf("there cannot be %d shards", shards)
	}
	return shards, err
}

// planned works plannedArgs, whose only purpose was to be there.
type planned struct {
	river.WorkerDefaults[plannedArgs]
}

// Work implements [river.Worker].
func (planned) Work(context.Context, *river.Job[plannedArgs]) error { return nil }
