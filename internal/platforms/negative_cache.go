package platforms

import (
	"maps"
	"slices"
	"sync"
	"time"
)

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
	refused map[string]map[string]time.Time // edge and metric → account → until
}

// permissionTTL is how long a missing permission is taken for granted: a person may sign in again
// with more scopes at any time.
const permissionTTL = time.Hour

func newNegativeCache(ttl time.Duration, now func() time.Time, promote bool) *negativeCache {
	return &negativeCache{ttl: ttl, now: now, promote: promote, refused: map[string]map[string]time.Time{}}
}

// refuse notes that account was refused metric on edge.
func (c *negativeCache) refuse(edge, metric, account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := edge + "|" + metric
	if c.refused[key] == nil {
		c.refused[key] = map[string]time.Time{}
	}
	if n := len(c.refused[key]); n > 0 && n%sweepEvery == 0 {
		maps.DeleteFunc(c.refused[key], func(_ string, until time.Time) bool { return !until.After(c.now()) })
	}
	c.refused[key][account] = c.now().Add(c.ttl)
}

const sweepEvery = 1024

// usable returns the metrics worth asking for, and those that are not.
func (c *negativeCache) usable(edge, account string, metrics []string) (ask, refused []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, metric := range metrics {
		if c.isRefused(edge+"|"+metric, account) {
			refused = append(refused, metric)
		} else {
			ask = append(ask, metric)
		}
	}
	return ask, refused
}

func (c *negativeCache) isRefused(key, account string) bool {
	now := c.now()
	accounts := c.refused[key]
	if until, ok := accounts[account]; ok && until.After(now) {
		return true
	}
	if !c.promote {
		return false
	}
	live := 0
	for _, until := range accounts {
		if until.After(now) {
			live++
		}
	}
	return live >= promoteAfter
}

// suspicions remember what single posts were refused for lack of a permission. One post may forbid what
// others allow: it says something of the account only when a second one is refused the same.
type suspicions struct {
	now func() time.Time

	mu sync.Mutex
	of map[string]suspicion // by edge, part and account
}

type suspicion struct {
	post  string
	until time.Time
}

func newSuspicions(now func() time.Time) *suspicions {
	return &suspicions{now: now, of: map[string]suspicion{}}
}

// confirmed notes that a post was refused a part, and tells whether another one of the account was lately.
func (s *suspicions) confirmed(edge, part, account, post string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, key := s.now(), edge+"|"+part+"|"+account
	before, ok := s.of[key]
	if ok && before.post != post && before.until.After(now) {
		delete(s.of, key)
		return true
	}
	if len(s.of)%sweepEvery == sweepEvery-1 {
		maps.DeleteFunc(s.of, func(_ string, one suspicion) bool { return !one.until.After(now) })
	}
	s.of[key] = suspicion{post: post, until: now.Add(permissionTTL)}
	return false
}

// without returns all that is not in drop.
func without(all, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(drop, s) })
}
