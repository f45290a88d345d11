package quota

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Waiting returns the number of callers that wait for the budget of a limit.
func (g *Gate) Waiting(l domain.Quota, call platforms.Call) (n int) {
	q := g.queue(newBudget(l, g.cfg.Share, call).Name)
	for p := range q.waiting {
		n += int(q.waiting[p].Load())
	}
	return n
}
