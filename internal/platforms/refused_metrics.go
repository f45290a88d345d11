package platforms

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// RefusedFor is how long a refused metric is skipped before it is requested again.
const RefusedFor = 24 * time.Hour

// singleFor is how long a refusal for one post waits for a second post that confirms it.
const singleFor = RefusedFor

// negativeCache remembers refused metrics, so that a known refusal costs no call. What one
// account's answers show is remembered for that account alone.
type negativeCache struct {
	ttl time.Duration
	now func() time.Time

	mu      sync.Mutex
	refused map[string]map[string]refusal // by edge and metric, then by account
}

type refusal struct {
	until time.Time
	post  string // the post for which the metric was refused; "" for a refusal that applies to all posts
}

// permissionTTL is short, because a person can get more rights on a page at any time.
const permissionTTL = time.Hour

func newNegativeCache(ttl time.Duration, now func() time.Time) *negativeCache {
	return &negativeCache{ttl: ttl, now: now, refused: map[string]map[string]refusal{}}
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
	return !c.refused[edge+"|"+metric][account].until.After(c.now())
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
