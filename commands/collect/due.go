package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Due returns the due accounts of a queue, the most overdue first, as far as the platform's quota
// has room for them in a round of the given length. The others stay due.
func (c *Collector) Due(
	ctx context.Context, queue domain.FetchQueue, every time.Duration,
) ([]domain.DueAccount, error) {
	if !c.serves(queue) {
		return nil, nil
	}
	now := c.clock()
	due, err := c.Connections.Due(ctx, queue, now)
	if err != nil {
		return nil, err
	}
	room := len(due)
	if queue.Kind == domain.FetchTokens { // return all: a connection stops working if its token is not renewed
		err = c.tokens.lookAhead(ctx, queue.Platform, now)
	} else {
		room, err = c.paces.room(ctx, queue, every, now)
	}
	if err != nil {
		return nil, err
	}
	room = min(room, len(due))
	c.setBacklog(queue, len(due), len(due)-room, lagOf(due, now))
	return due[:room], nil
}

func (c *Collector) setBacklog(queue domain.FetchQueue, due, left int, lag time.Duration) {
	kind, platform := queue.Kind, queue.Platform.String()
	c.metrics.due.WithLabelValues(kind, platform).Set(float64(due))
	c.metrics.left.WithLabelValues(kind, platform).Set(float64(left))
	c.metrics.lag.WithLabelValues(kind, platform).Set(lag.Seconds())
}

// ForgetLag sets the metrics of a paused platform's backlog to zero: nothing is due until the
// platform is resumed.
func (c *Collector) ForgetLag(platform domain.Platform) {
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
		c.setBacklog(domain.FetchQueue{Kind: kind, Platform: platform}, 0, 0, 0)
	}
}

type paces struct {
	*parts
	logged  sync.Map // last logged domain.Pace by paceKey
	demands sync.Map // Demand by platform
}

// room returns the number of connections for which the quotas of the whole app have room.
func (c *paces) room(ctx context.Context, queue domain.FetchQueue, every time.Duration, now time.Time) (int, error) {
	demand, err := c.demandNow(ctx, queue.Platform, now)
	if err != nil {
		return 0, err
	}
	c.logPaces(ctx, queue, demand)
	op, least := opOf(queue), 0 // a lower bound: the gate before every call enforces the limit
	if op != "" {
		least = 1
	}
	for account := range demand.Connections {
		if each := callsOf(queue.Kind, queue.Platform, account); op == "" && (least == 0 || each < least) {
			least = each
		}
	}
	return c.Budget.Capacity(inPriority(ctx, queue), queue.Platform, op, every, max(least, 1))
}

func (c *Collector) serves(queue domain.FetchQueue) bool {
	_, err := c.Client(queue.Platform)
	if errors.Is(err, platforms.ErrNoHandler) {
		return false
	}
	return queue.Kind != domain.FetchTokens ||
		queue.Platform.Facts().RenewedAhead > 0 || c.tokens.inspects(queue.Platform)
}

func lagOf(due []domain.DueAccount, now time.Time) (lag time.Duration) {
	for _, account := range due {
		if account.DueAt != nil {
			lag = max(lag, now.Sub(*account.DueAt))
		}
	}
	return lag
}

// opOf returns the endpoint that a kind of fetching calls most.
func opOf(queue domain.FetchQueue) string { return queue.Platform.Facts().Operations[queue.Kind] }

// countedFor limits the age of a count of connections: there are many claims, and each count scans
// all connections.
const countedFor = 10 * time.Second

// demandFor uses a recent count if possible, but not if some tasks were never read: the count may
// not include hundreds of new connections, and a pace computed without them would make all of them
// due again immediately.
func (c *paces) demandFor(
	ctx context.Context, platform domain.Platform, tasks []domain.FetchTask, now time.Time,
) (Demand, error) {
	last, ok := c.demands.Load(platform)
	if ok && !slices.ContainsFunc(tasks, func(t domain.FetchTask) bool { return t.ReadAt == nil }) {
		last := last.(Demand) //nolint:forcetypeassert // demandNow stores these
		if age := now.Sub(last.at); age >= 0 && age < countedFor && last.total() >= len(tasks) {
			return last, nil
		}
	}
	return c.demandNow(ctx, platform, now)
}

func (d Demand) total() (n int) {
	for _, connections := range d.Connections {
		n += connections
	}
	return n
}

func (c *paces) demandNow(ctx context.Context, platform domain.Platform, now time.Time) (Demand, error) {
	queue := domain.FetchQueue{Kind: domain.FetchAccounts, Platform: platform}
	counts, err := c.Connections.Counts(ctx, queue, now)
	demand := Demand{
		Platform: platform, Connections: counts, Accounts: c.AccountInterval, Posts: c.PostInterval, at: now,
	}
	perAccount := func(q quota.Budget) bool { return q.Scope == domain.QuotaPerAccount }
	if err == nil && platform.Facts().CountsByToken && slices.ContainsFunc(c.Budget.Rates(platform), perAccount) {
		demand.members, err = c.Connections.ReadTogether(ctx, queue, now)
	}
	if err == nil {
		c.demands.Store(platform, demand)
	}
	return demand, err
}

func (d Demand) slowest(kind string, account domain.AccountType, quotas []quota.Budget) domain.Pace {
	slowest := PaceOf(kind, account, d, quotas)
	for _, d.Together = range d.members {
		if pace := PaceOf(kind, account, d, quotas); d.Together[account] > 0 && pace.Every > slowest.Every {
			slowest = pace
		}
	}
	return slowest
}

func (c *paces) logPaces(ctx context.Context, queue domain.FetchQueue, d Demand) {
	for account, n := range d.Connections {
		key := paceKey{queue, account}
		pace := d.slowest(queue.Kind, account, c.Budget.Rates(queue.Platform))
		if last, _ := c.logged.Swap(key, pace); last == pace {
			continue
		}
		logger := c.Logger.With("kind", queue.Kind, "platform", queue.Platform.String(),
			"account_type", int(account), "connections", n, "pace", pace.String())
		if pace.Quota.Assumed {
			logger.WarnContext(ctx,
				"connections are read at the rate of an app in development: the platform publishes no quota, "+
					"and none is set. If your app is approved, set the quota that its developer page shows",
				"set", fmt.Sprintf("LEDGERBOARD_QUOTAS=%s:app:N/24h", queue.Platform))
		} else {
			logger.InfoContext(ctx, "connections are read")
		}
	}
}

type paceKey struct {
	domain.FetchQueue
	account domain.AccountType
}

// Slowest returns, for each queue that has connections, the pace of the connections that are read
// least often, as of this process's last round.
func (c *Collector) Slowest() map[domain.FetchQueue]domain.Pace {
	slowest := map[domain.FetchQueue]domain.Pace{}
	c.paces.logged.Range(func(key, value any) bool {
		queue, pace := key.(paceKey).FetchQueue, value.(domain.Pace) //nolint:forcetypeassert // logPaces stores these
		if known := slowest[queue]; pace.Every > known.Every || pace.Every == known.Every && pace.Calls > known.Calls {
			slowest[queue] = pace
		}
		return true
	})
	return slowest
}
