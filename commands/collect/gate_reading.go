package collect

import (
	"context"
	"slices"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Reading is the calls of one reading, or a call that belongs to none.
type Reading struct {
	gate  *Gate
	kind  domain.CallKind
	waits bool // whether calls wait for a quota, up to [patience]

	mu      sync.Mutex
	calls   int // made so far
	inStep  bool
	planned int // calls of the step
	taken   int // by the step, and not used yet
	from    []domain.Budget
	refusal *Refusal

	unlimited bool // the step makes any number of calls
}

type readingKey struct{}

// Reading returns a context whose calls are those of a reading. Without a step, each call is a step.
func (g *Gate) Reading(ctx context.Context, kind domain.CallKind) (context.Context, *Reading) {
	r := &Reading{gate: g, kind: kind}
	return context.WithValue(ctx, readingKey{}, r), r
}

// Step takes all calls of the next step of a reading, as far as full budgets have them, or returns
// an error with the time when they are available. It uses the calls that the last step left. Where the
// platform has no quotas, a step makes any number of calls. If only single calls are counted, each
// call takes its own. So does a call of a budget that this process has held.
func (r *Reading) Step(ctx context.Context, call platforms.Call, kind domain.CallKind) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kind, r.inStep, r.planned = kind, false, call.Requests
	from := r.gate.budgets(call, kind)
	if call.Requests > 1 {
		from = slices.DeleteFunc(from, perCall)
	}
	calls, limited := call.Requests, false
	for _, b := range from {
		calls, limited = min(calls, int(b.Burst)), limited || b.Rate > 0
	}
	if calls -= r.taken; calls <= 0 {
		r.inStep = true
		return nil
	}
	unlimited := !slices.ContainsFunc(r.gate.cfg.Limits, func(q domain.Quota) bool { return q.Platform == call.Platform })
	if !limited && !unlimited { // only single calls are counted
		return nil
	}
	taken, refusal, err := r.gate.take(ctx, domain.BudgetTake{Calls: calls, Least: calls, Kind: kind, From: from})
	if refusal != nil {
		r.refusal, err = refusal, refusal.Err()
		r.gate.metrics.refused.WithLabelValues(call.Platform.String(), platforms.CodeQuota).Inc()
	}
	if err == nil {
		r.inStep, r.unlimited, r.taken, r.from = true, unlimited, r.taken+taken, from
	}
	return err
}

// again takes as many calls as the step planned, or more if the next call has more requests, for a
// step that has made those and needs more. The step takes its further calls one by one if they are
// not there, and from small budgets, which would lack the calls that it does not make.
func (r *Reading) again(ctx context.Context, want int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := max(r.planned, want)
	if r.planned < 2 || slices.ContainsFunc(r.from, func(b domain.Budget) bool { return int(b.Burst) < 10*calls }) {
		return false
	}
	taken, refusal, err := r.gate.take(ctx, domain.BudgetTake{Calls: calls, Least: calls, Kind: r.kind, From: r.from})
	if err != nil || refusal != nil {
		r.planned = 0
		return false
	}
	r.taken += taken
	return true
}

// outside returns a context whose calls do not belong to a reading.
func outside(ctx context.Context) context.Context {
	return context.WithValue(ctx, readingKey{}, nil)
}

// Return returns the calls that the last steps of readings did not use.
func (g *Gate) Return(ctx context.Context, readings ...*Reading) error {
	var unused []domain.BudgetTake
	for _, r := range readings {
		r.mu.Lock()
		if r.taken > 0 && !r.unlimited {
			unused = append(unused, domain.BudgetTake{Calls: r.taken, From: r.from})
		}
		r.inStep, r.taken = false, 0
		r.mu.Unlock()
	}
	if len(unused) == 0 {
		return nil
	}
	return g.cfg.Store.Return(ctx, unused)
}

// Calls returns the number of calls so far.
func (r *Reading) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// Refusal returns the last refusal by a quota or the circuit breaker; nil if there was none.
func (r *Reading) Refusal() *Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refusal
}

// use uses calls of the step for a call that counts against budgets, unless one of them is held.
func (r *Reading) use(budgets []domain.Budget, want int) (used int, inStep bool, covered map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.inStep || r.gate.holds.any(budgets, r.gate.cfg.Now()) {
		return 0, false, nil
	}
	covered = map[string]bool{}
	for _, b := range r.from {
		covered[b.Name] = true
	}
	used = min(want, r.taken)
	r.taken -= used
	if r.unlimited {
		used = want
	}
	return used, true, covered
}

// unuse gives back calls of the step that another budget refused.
func (r *Reading) unuse(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.unlimited {
		r.taken += calls
	}
}

func (r *Reading) made(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls += calls
}

func (r *Reading) refuse(refusal *Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = refusal
}
