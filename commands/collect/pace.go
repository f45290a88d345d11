package collect

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// nextDue returns when a connection is due again. due is its previous due time, and startedAt the
// start of its reading. Readings missed during downtime are not repeated.
func nextDue(interval time.Duration, due, startedAt time.Time) time.Time {
	if next := earlier(due, startedAt).Add(interval); next.After(startedAt) {
		return next
	}
	return startedAt.Add(interval)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// interval returns the configured time between two readings.
func (p *parts) interval(kind string) time.Duration {
	if kind == domain.FetchPosts {
		return p.PostInterval
	}
	return max(p.AccountInterval, time.Second) // 0 means a reading in each round
}

func callsOf(kind string, platform domain.Platform, account domain.AccountType) int {
	read, known := platform.Kind(account)
	if !known {
		return 0
	}
	return read.Calls[kind]
}

// paces holds what this process measured.
type paces struct {
	mu      sync.Mutex
	slowest map[domain.FetchQueue]measuredPace
	shared  map[domain.FetchQueue]measuredPace // its quota is the last shared one that refused a step
	assumed map[domain.Platform]bool           // logged
}

type measuredPace struct {
	domain.Pace
	at time.Time
}

func (c *Collector) paceOf(f *fetch, every time.Duration, limit domain.Quota) domain.Pace {
	return domain.Pace{
		Platform: f.Platform, AccountType: f.AccountType, Every: every, Wanted: c.interval(f.queue.Kind),
		Calls: callsOf(f.queue.Kind, f.Platform, f.AccountType), Quota: limit,
	}
}

// waited notes that a quota refused a step, and returns the pace to store.
func (c *Collector) waited(ctx context.Context, f *fetch, refusal *Refusal) domain.Pace {
	pace := c.paceOf(f, f.Pace.Every, refusal.Quota)
	c.paces.mu.Lock()
	defer c.paces.mu.Unlock()
	if refusal.Shared() {
		c.paces.shared[f.queue] = measuredPace{pace, c.clock()}
	}
	if pace.Quota.Assumed && !c.paces.assumed[f.Platform] {
		c.paces.assumed[f.Platform] = true
		c.Logger.WarnContext(ctx,
			"connections wait for the quota of an app in development: the platform publishes no quota, "+
				"and none is set. If your app is approved, set the quota that its developer page shows",
			"platform", f.Platform.String(), "set", fmt.Sprintf("LEDGERBOARD_QUOTAS=%s:app:N/24h", f.Platform))
	}
	return pace
}

// measured returns the pace of a connection that was read.
func (c *Collector) measured(f *fetch, now time.Time) domain.Pace {
	pace := c.paceOf(f, c.interval(f.queue.Kind), domain.Quota{})
	c.paces.mu.Lock()
	defer c.paces.mu.Unlock()
	// Readings are late by a round or two even if no quota delays them.
	if f.ReadAt != nil && now.Sub(*f.ReadAt) > pace.Wanted+max(pace.Wanted/4, 2*time.Minute) {
		pace.Every, pace.Quota = roundUp(now.Sub(*f.ReadAt)), f.Pace.Quota
		if shared := c.paces.shared[f.queue]; pace.Quota.Calls == 0 && shared.at.After(*f.ReadAt) {
			pace.Quota = shared.Quota
		}
	}
	if last := c.paces.slowest[f.queue]; pace.Every >= last.Every || now.Sub(last.at) > last.Every {
		c.paces.slowest[f.queue] = measuredPace{pace, now}
	}
	return pace
}

// roundUp makes a pace readable.
func roundUp(d time.Duration) time.Duration {
	step := time.Second
	if d > 10*time.Minute {
		step = time.Minute
	}
	return (d + step - 1).Truncate(step)
}

// Slowest returns, for each queue, the pace of the connection with the longest time between its
// last two readings, as this process measured it.
func (c *Collector) Slowest() map[domain.FetchQueue]domain.Pace {
	c.paces.mu.Lock()
	defer c.paces.mu.Unlock()
	slowest := make(map[domain.FetchQueue]domain.Pace, len(c.paces.slowest))
	for queue, pace := range c.paces.slowest {
		slowest[queue] = pace.Pace
	}
	return slowest
}
