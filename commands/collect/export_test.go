package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Accounts finds a social account by its id, whatever its state is.
type Accounts interface {
	Task(ctx context.Context, queue domain.FetchQueue, socialAccount int64, now time.Time) (domain.FetchTask, error)
}

// ReadOne reads one claimed account whatever its state is, and says why it was not read.
func (c *Collector) ReadOne(ctx context.Context, accounts Accounts, claim domain.FetchClaim) error {
	task, err := accounts.Task(ctx, claim.FetchQueue, claim.Accounts[0], c.clock())
	if err != nil {
		return err
	}
	round, err := c.newRound(ctx, claim, []domain.FetchTask{task})
	if err != nil {
		return err
	}
	err = round.one(ctx, task)
	if flushed := round.flush(ctx); err == nil {
		err = flushed
	}
	return err
}
