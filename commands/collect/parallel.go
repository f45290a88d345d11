package collect

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// defaultParallel is that of [Config].Parallel.
const defaultParallel = 32

// parallel is how many of a claim's connections are read at a time: one, where the app's quota does not hold the calls of that many at once.
// Begun together, each would get some of its calls, and none would be whole.
func (c *Collector) parallel(queue domain.FetchQueue, tasks []domain.FetchTask) int {
	calls := 0
	for _, task := range tasks {
		calls = max(calls, CallsOf(queue.Kind, queue.Platform, task.AccountType))
	}
	for _, q := range c.Budget.Rates(queue.Platform) {
		if q.Scope == platforms.ScopeApp && q.AtOnce < calls*min(c.Parallel, len(tasks)) {
			return 1
		}
	}
	return c.Parallel
}
