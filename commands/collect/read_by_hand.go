package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ByHand finds an account that somebody names, whatever its state is.
type ByHand interface {
	ByHand(
		ctx context.Context, queue domain.FetchQueue, socialAccount int64, now time.Time,
	) (tasks []domain.FetchTask, connected bool, err error)
}

// handLimit is how long nobody else reads an account that is read by hand.
const handLimit = accountLimit + time.Minute

// Once reads one account now, because somebody asked for it: pauses and intervals do not count, quotas do.
// What becomes of it is recorded as of any other read. The error says why it was not read.
func (c *Collector) Once(ctx context.Context, accounts ByHand, kind string, platform domain.Platform, socialAccount int64) error {
	now := c.clock()
	queue := domain.FetchQueue{Kind: kind, Platform: platform}
	tasks, connected, err := accounts.ByHand(ctx, queue, socialAccount, now)
	if err != nil {
		return err
	}
	paused, err := c.Connections.Paused(ctx)
	switch {
	case err != nil:
		return err
	case len(tasks) == 0:
		return errNoAccount(platform, socialAccount)
	case !connected:
		return domain.NewError(domain.CodeConflict, "Social account %d is not connected (any more). The main application must "+
			"connect it.", socialAccount)
	case paused[tasks[0].ConnectionID]:
		return errHeld(tasks[0].ConnectionID)
	case !tasks[0].SubscriptionActive:
		return domain.NewError(domain.CodeConflict, "Social account %d belongs to an account without an active subscription, "+
			"which is not read.", socialAccount)
	}
	claim, err := c.States.Take(ctx, queue, socialAccount, handLimit, now)
	if err != nil {
		return err
	}
	defer c.giveBack(ctx, claim)
	round, err := c.newRound(ctx, claim, tasks)
	if err != nil {
		return err
	}
	task := tasks[0]
	task.ByHand = true
	err = round.one(ctx, task)
	if flushed := round.flush(ctx); err == nil {
		err = flushed
	}
	return err
}

func errNoAccount(platform domain.Platform, socialAccount int64) error {
	return domain.NewError(domain.CodeNotFound, "There is no social account %d on %s. Its id is that of tSAccounts.", socialAccount, platform)
}

// giveBack ends a claim that has no result, so that nobody waits for its end.
func (c *Collector) giveBack(ctx context.Context, claim domain.FetchClaim) {
	storing, cancel := recording(ctx)
	defer cancel()
	if err := c.States.Release(storing, claim); err != nil {
		c.Logger.WarnContext(ctx, "a claim is not given back: it ends by itself", "until", claim.Until, "error", err)
	}
}
