package quota

import "github.com/ledgerboard/ledgerboard/internal/platforms"

// Waiting is how many callers wait for the budget of a limit that a call counts against.
func (g *Gate) Waiting(l Limit, call platforms.Call) (n int) {
	t := &g.bucket(l, call).turn
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, queue := range t.waiting {
		n += len(queue)
	}
	return n
}
