package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Claim claims the next due accounts of a queue.
func (c *Collector) Claim(ctx context.Context, wanted domain.FetchWanted) (domain.FetchClaim, error) {
	if !c.serves(wanted.FetchQueue) {
		return domain.FetchClaim{}, nil
	}
	return c.Connections.Claim(ctx, wanted, c.clock())
}

// Look measures the backlog of a queue, and how many tokens will need a sign-in.
func (c *Collector) Look(ctx context.Context, queue domain.FetchQueue) error {
	if !c.serves(queue) {
		return nil
	}
	now := c.clock()
	due, lag, err := c.Connections.Backlog(ctx, queue, now)
	if err == nil && queue.Kind == domain.FetchTokens {
		err = c.tokens.lookAhead(ctx, queue.Platform, now)
	}
	if err == nil {
		c.metrics.setBacklog(queue, due, lag)
	}
	return err
}

func (m *metrics) setBacklog(queue domain.FetchQueue, due int, lag time.Duration) {
	kind, platform := queue.Kind, queue.Platform.String()
	m.due.WithLabelValues(kind, platform).Set(float64(due))
	m.lag.WithLabelValues(kind, platform).Set(lag.Seconds())
}

func (c *Collector) serves(queue domain.FetchQueue) bool {
	_, err := c.Client(queue.Platform)
	if errors.Is(err, platforms.ErrNoHandler) {
		return false
	}
	return queue.Kind != domain.FetchTokens ||
		queue.Platform.Facts().RenewedAhead > 0 || c.tokens.inspects(queue.Platform)
}
