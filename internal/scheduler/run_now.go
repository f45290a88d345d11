package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"github.com/ledgerboard/ledgerboard/domain"
)

// reportedWithin is how long ago a process that runs may have reported its queues: it does so every ten minutes.
const reportedWithin = 15 * time.Minute

// Run makes all connections of a queue due now, and has them claimed at once, as far as the quota has room. What a job has
// claimed already is not read twice. CodeConflict: no process has fetched the platform for a quarter of an hour.
func (j *Jobs) Run(ctx context.Context, queue domain.FetchQueue) error {
	return pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		// A process that fetches reports its queues, however rarely it looks what is due. This one knows no schedule.
		reads, err := j.client.QueueGetTx(ctx, tx, readQueue(queue.Kind, queue.Platform))
		if err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return fmt.Errorf("look who fetches %s: %w", queue.Platform, err)
		}
		if err != nil || time.Since(reads.UpdatedAt) > reportedWithin {
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
