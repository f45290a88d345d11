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

func (n *negativeCache) recordRefusal(edge, metric, account string) {
	n.note(edge, metric, account, "")
}

func (n *negativeCache) note(edge, metric, account, post string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := edge + "|" + metric
	if n.refused[key] == nil {
		n.refused[key] = map[string]refusal{}
	}
	if count := len(n.refused[key]); count > 0 && count%sweepEvery == 0 {
		maps.DeleteFunc(n.refused[key], func(_ string, r refusal) bool { return !r.until.After(n.now()) })
	}
	n.refused[key][account] = refusal{n.now().Add(n.ttl), post}
}

const sweepEvery = 1024

func (n *negativeCache) allows(edge, account, metric string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.refused[edge+"|"+metric][account].until.After(n.now())
}

func (n *negativeCache) usable(edge, account string, metrics []string) (ask, refused []string) {
	for _, metric := range metrics {
		if n.allows(edge, account, metric) {
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
func (n *negativeCache) confirm(edge, metric, account, post string) bool {
	n.mu.Lock()
	previous, found := n.refused[edge+"|"+metric][account]
	confirmed := found && previous.post != post && previous.until.After(n.now())
	if confirmed {
		delete(n.refused[edge+"|"+metric], account)
	}
	n.mu.Unlock()
	if !confirmed {
		n.note(edge, metric, account, post)
	}
	return confirmed
}

func exclude(all, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(drop, s) })
}
