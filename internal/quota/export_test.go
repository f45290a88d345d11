package quota

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Waiting is how many callers wait for the budget of a limit that a call counts against.
func (g *Gate) Waiting(l domain.Quota, call platforms.Call) (n int) {
	q := g.queue(newBudget(l, g.cfg.Share, call).Name)
	for p := range q.waiting {
		n += int(q.waiting[p].Load())
	}
	return n
}
