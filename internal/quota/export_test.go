package quota

import "github.com/ledgerboard/ledgerboard/internal/platforms"

// Waiting is how many callers wait for the budget of a limit that a call counts against.
func (g *Gate) Waiting(l Limit, call platforms.Call) (n int) {
	q := g.queue(newBudget(l, g.cfg.Share, call).Name)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, list := range q.waiting {
		n += len(list)
	}
	return n
}
