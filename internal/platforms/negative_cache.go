package platforms

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// RefusedFor is how long a refused metric is left out before it is tried again.
const RefusedFor = 24 * time.Hour

// promoteAfter is how many accounts must have been refused a metric before it counts as retired for
// all: removals are server-side for everybody, but one odd account must not cost the
// others a metric.
const promoteAfter = 3

// negativeCache remembers which metrics were refused, so that a known refusal costs no call. Entries expire,
// so that a metric that comes back is found again. It is bounded: a metric refused by promoteAfter
// accounts is not asked for by others, so no more accounts are added.
type negativeCache struct {
	ttl     time.Duration
	now     func() time.Time
	promote bool // whether promoteAfter counts; a missing permission concerns one account only

	mu      sync.Mutex
	refused map[string]map[string]refusal // edge and metric → account
}

type refusal struct {
	until time.Time
	post  string // which met with it; "" none did alone
}

// permissionTTL is how long a missing permission is taken for granted: a person may sign in again
// with more scopes at any time.
const permissionTTL = time.Hour

func newNegativeCache(ttl time.Duration, now func() time.Time, promote bool) *negativeCache {
	return &negativeCache{ttl: ttl, now: now, promote: promote, refused: map[string]map[string]refusal{}}
}

func (c *negativeCache) refuse(edge, metric, account string) { c.note(edge, metric, account, "") }

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
	return !c.isRefused(edge+"|"+metric, account)
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

func (c *negativeCache) isRefused(key, account string) bool {
	now := c.now()
	accounts := c.refused[key]
	if accounts[account].until.After(now) {
		return true
	}
	if !c.promote {
		return false
	}
	live := 0
	for _, r := range accounts {
		if r.until.After(now) {
			live++
		}
	}
	return live >= promoteAfter
}

// confirmed notes that a post was refused a part for lack of a permission, and tells whether another one of the
// account was lately. One post may forbid what others allow: it says something of the account only when a second one
// is refused the same.
func (c *negativeCache) confirmed(edge, part, account, post string) bool {
	c.mu.Lock()
	before, known := c.refused[edge+"|"+part][account]
	if known = known && before.post != post && before.until.After(c.now()); known {
		delete(c.refused[edge+"|"+part], account)
	}
	c.mu.Unlock()
	if !known {
		c.note(edge, part, account, post)
	}
	return known
}

func without(all, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(drop, s) })
}
