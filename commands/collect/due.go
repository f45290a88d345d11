package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Due names the accounts of a queue that are due and that the platform's quota has room for until the next look, the most
// overdue first. The others stay due.
func (c *Collector) Due(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error) {
	if !c.serves(queue) {
		return nil, nil
	}
	now := c.clock()
	due, err := c.Connections.Due(ctx, queue, now)
	if err != nil {
		return nil, err
	}
	room := len(due)
	if queue.Kind == domain.FetchTokens { // all are read: a token that is not renewed costs its connection
		err = c.lookAhead(ctx, queue.Platform, now)
	} else {
		room, err = c.room(ctx, queue, every, now)
	}
	if err != nil {
		return nil, err
	}
	room = min(room, len(due))
	c.Observe.Due(queue, len(due), len(due)-room, lagOf(due, now))
	return due[:room], nil
}

// room is how many connections the quotas of the whole app have room for.
func (c *Collector) room(ctx context.Context, queue domain.FetchQueue, every time.Duration, now time.Time) (int, error) {
	demand, err := c.demandNow(ctx, queue.Platform, now)
	if err != nil {
		return 0, err
	}
	c.tellPaces(ctx, queue, demand)
	least := 0 // the gate before every call keeps the limit; what is claimed too much is due again
	for account := range demand.Connections {
		each := CallsOf(queue.Kind, queue.Platform, account)
		if opOf(queue) != "" {
			each = 1
		}
		if least == 0 || each < least {
			least = each
		}
	}
	return c.Budget.Room(inPriority(ctx, queue), queue.Platform, opOf(queue), every, max(least, 1))
}

// serves tells whether there is anything to do for this kind on this platform.
func (c *Collector) serves(queue domain.FetchQueue) bool {
	_, err := c.Clients.For(queue.Platform)
	if errors.Is(err, platforms.ErrNoHandler) {
		return false
	}
	_, renewable := renewedAhead[queue.Platform]
	return queue.Kind != domain.FetchTokens || renewable || c.inspects(queue.Platform)
}

// lagOf is how long the most overdue account has waited; 0 when none was read yet.
func lagOf(due []domain.DueAccount, now time.Time) time.Duration {
	for _, account := range due {
		if account.DueAt != nil {
			return max(0, now.Sub(*account.DueAt))
		}
	}
	return 0
}

// opOf is the platform's endpoint that a kind of fetching calls most, for quotas that count endpoints.
func opOf(queue domain.FetchQueue) string {
	if queue.Platform != domain.TikTok {
		return ""
	}
	if queue.Kind == domain.FetchPosts {
		return "video_list"
	}
	return "user_info"
}
