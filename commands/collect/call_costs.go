package collect

import (
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
)

// costs learns how many calls a reading takes, by platform and kind of fetching.
type costs struct {
	mu    sync.Mutex
	means map[domain.FetchSlot]float64 // Begin is zero
}

// costMemory is how many readings the mean goes back.
const costMemory = 50

// of is the mean number of calls, never below 1.
func (c *costs) of(slot domain.FetchSlot) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mean, ok := c.means[key(slot)]; ok {
		return max(1, mean)
	}
	return firstCost(slot)
}

// firstCost is what a plan goes by until something was read: somewhat less than it is, because the gate
// before every call keeps the limit anyway, and what is not planned is not learnt from.
func firstCost(slot domain.FetchSlot) float64 {
	if slot.Platform == domain.TikTok {
		return 1
	}
	return 2
}

// learn takes a reading into the mean. The first one of a connection also reads its history; it says
// little about the others.
func (c *costs) learn(slot domain.FetchSlot, calls int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.means == nil {
		c.means = map[domain.FetchSlot]float64{}
	}
	k := key(slot)
	mean, ok := c.means[k]
	if !ok {
		mean = firstCost(slot)
	}
	c.means[k] = mean + (float64(calls)-mean)/costMemory
}

func key(slot domain.FetchSlot) domain.FetchSlot {
	return domain.FetchSlot{Kind: slot.Kind, Platform: slot.Platform}
}
