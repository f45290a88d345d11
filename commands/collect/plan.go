package collect

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Plan divides what is due in a slot of the given length into shards, the most overdue first, as far as
// the platform's quota has room. What it has no room for is counted and left to the next slot, where it
// is more overdue. It returns the number of shards.
func (c *Collector) Plan(ctx context.Context, slot domain.FetchSlot, length time.Duration) (shards int, err error) {
	if !c.serves(slot) {
		return 0, nil
	}
	now := c.clock()
	interval := time.Duration(0)
	if slot.Kind == domain.FetchAccounts {
		interval = c.AccountInterval
	}
	due, err := c.Connections.Due(ctx, slot, interval, now)
	if err != nil {
		return 0, err
	}
	served := len(due)
	if slot.Kind == domain.FetchTokens { // all are served: a token that is not renewed costs its connection
		if err := c.lookAhead(ctx, slot.Platform, now); err != nil {
			return 0, err
		}
	} else {
		room, err := c.Budget.Room(inLane(ctx, slot), slot.Platform, opOf(slot), length)
		if err != nil {
			return 0, err
		}
		served = min(served, int(math.Ceil(float64(room)/c.costs.of(slot))))
	}
	c.Observe.Planned(slot, len(due), len(due)-served, lagOf(due, slot, max(interval, length)))
	if served == 0 {
		return 0, nil
	}
	ids := make([]int64, served)
	for i, account := range due[:served] {
		ids[i] = account.SocialAccount
	}
	if err := c.States.Assign(ctx, slot, ids, c.ShardSize, now); err != nil {
		return 0, err
	}
	return (served + c.ShardSize - 1) / c.ShardSize, nil
}

// lookAhead tells of what a platform's tokens need before it is missed: persons who sign in, and our client's key.
func (c *Collector) lookAhead(ctx context.Context, platform domain.Platform, now time.Time) error {
	accounts, due, err := c.Connections.SignInsDue(ctx, platform, now, now.Add(signInAhead))
	if err != nil {
		return err
	}
	c.Observe.SignInsDue(platform, due)
	if set := c.Unkeyed[platform]; set != "" && accounts > 0 {
		if _, said := c.keySaid.LoadOrStore(platform, true); !said {
			c.Logger.ErrorContext(ctx, "tokens cannot be renewed: our client's key is missing",
				"platform", platform.String(), "accounts", accounts, "set", set)
		}
	}
	return nil
}

// serves tells whether there is anything to do for this kind on this platform.
func (c *Collector) serves(slot domain.FetchSlot) bool {
	_, err := c.Clients.For(slot.Platform)
	if errors.Is(err, platforms.ErrNoHandler) {
		return false
	}
	_, renewable := c.RefreshAhead[slot.Platform]
	return slot.Kind != domain.FetchTokens || renewable
}

// lagOf is how long the most overdue account has waited beyond its interval; 0 when none was read yet.
func lagOf(due []domain.DueAccount, slot domain.FetchSlot, interval time.Duration) time.Duration {
	for _, account := range due {
		if account.ServedSlot != nil {
			return max(0, slot.Begin.Sub(*account.ServedSlot)-interval)
		}
	}
	return 0
}

// opOf is the platform's endpoint that a kind of fetching calls most, for quotas that count endpoints.
func opOf(slot domain.FetchSlot) string {
	if slot.Platform != domain.TikTok {
		return ""
	}
	if slot.Kind == domain.FetchPosts {
		return "video_list"
	}
	return "user_info"
}
