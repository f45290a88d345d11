package platforms

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// RefusedFor is how long a refused metric is skipped before it is requested again.
const RefusedFor = 24 * time.Hour

// After a metric was refused for accountsUntilRefusedForAll accounts, it is treated as retired for
// all accounts. Meta retires a metric for all accounts, but a refusal for one unusual account must
// not affect the others.
const accountsUntilRefusedForAll = 3

// negativeCache remembers refused metrics, so that a known refusal costs no call.
type negativeCache struct {
	ttl     time.Duration
	now     func() time.Time
	promote bool // whether accountsUntilRefusedForAll applies: not to missing permissions

	mu      sync.Mutex
	refused map[string]map[string]refusal // by edge and metric, then by account
}

type refusal struct {
	until time.Time
	post  string // the post for which the metric was refused; "" for a refusal that applies to all
}

// permissionTTL is short, because a person can get more rights on a page at any time.
const permissionTTL = time.Hour

func newNegativeCache(ttl time.Duration, now func() time.Time, promote bool) *negativeCache {
	return &negativeCache{ttl: ttl, now: now, promote: promote, refused: map[string]map[string]refusal{}}
}

func (c *negativeCache) recordRefusal(edge, metric, account string) {
	c.note(edge, metric, account, "")
}

func (c *negativeCache) note(edge, metric, account, post string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := edge + "|" + metric
	if c.refused[key] == nil {
		c.refused[key] = map[string]refusal{}
	}
	if n := len(c.refused[key]); n > 0 && n%sweepEvery == 0 {
		maps.DeleteFunc(c.refused[key], func(_ string, r refusal) bool { return !r.until.After(c.now()) })
	}
	c.refused[key][account] = refusal{c.now().Add(c.ttl), post}
}

const sweepEvery = 1024

func (c *negativeCache) allows(edge, account, metric string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, accounts := c.now(), c.refused[edge+"|"+metric]
	if refusedHere := accounts[account].until.After(now); refusedHere || !c.promote {
		return !refusedHere
	}
	live := 0
	for _, r := range accounts {
		if r.until.After(now) {
			live++
		}
	}
	return live < accountsUntilRefusedForAll
}

func (c *negativeCache) usable(edge, account string, metrics []string) (ask, refused []string) {
	for _, metric := range metrics {
		if c.allows(edge, account, metric) {
			ask = append(ask, metric)
		} else {
			refused = append(refused, metric)
		}
	}
	return ask, refused
}

// confirm reports whether the platform recently refused the same metric for another post of the
// account. If so, it deletes that refusal; otherwise, it records this one. A single post may lack
// a metric that others have, so only a second refusal shows that the refusal applies to all posts.
func (c *negativeCache) confirm(edge, metric, account, post string) bool {
	c.mu.Lock()
	previous, found := c.refused[edge+"|"+metric][account]
	confirmed := found && previous.post != post && previous.until.After(c.now())
	if confirmed {
		delete(c.refused[edge+"|"+metric], account)
	}
	c.mu.Unlock()
	if !confirmed {
		c.note(edge, metric, account, post)
	}
	return confirmed
}

func exclude(all, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(drop, s) })
}
