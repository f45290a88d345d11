package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Run makes all connections of a queue due now, and has them claimed at once, as far as the quota has room. What a job has
// claimed already is not read twice. CodeConflict: no process has fetched the platform for ten minutes.
func (j *Jobs) Run(ctx context.Context, queue domain.FetchQueue) error {
	return pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		// Done jobs are remembered: one that claimed says that some process fetches. This one knows no schedule.
		ticks, err := j.client.JobListTx(ctx, tx, river.NewJobListParams().Kinds(claimArgs{}.Kind()).Queues(claimQueue(queue.Kind)).
			Where("args @> @args::jsonb", river.NamedArgs{"args": fmt.Sprintf(`{"platform":%d}`, queue.Platform)}).First(1))
		if err != nil {
			return fmt.Errorf("look for claims of %s: %w", queue.Platform, err)
		}
		if len(ticks.Jobs) == 0 {
			return domain.NewError(domain.CodeConflict,
				"No process fetches %s of %s now. Start a service with the role fetcher: what is due is read at once.", queue.Kind, queue.Platform)
		}
		if err := j.makeDue(ctx, tx, queue, time.Now()); err != nil {
			return err
		}
		if _, err := j.client.InsertTx(ctx, tx, claimArgs{For: queue.Kind, Platform: queue.Platform}, nil); err != nil {
			return fmt.Errorf("have %s of %s claimed: %w", queue.Kind, queue.Platform, err)
		}
		return nil
	})
}

// Look has what is due of a queue claimed at once: where no process fetches, by the first that does.
func (j *Jobs) Look(ctx context.Context, queue domain.FetchQueue) error {
	if _, err := j.client.Insert(ctx, claimArgs{For: queue.Kind, Platform: queue.Platform}, nil); err != nil {
		return fmt.Errorf("have %s of %s claimed: %w", queue.Kind, queue.Platform, err)
	}
	return nil
}
