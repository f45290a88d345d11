package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// recordBatch is how many results are stored at a time. After a crash, connections whose result was not
// stored are read once more.
const recordBatch = 64

// Work reads what of a claim is still to be read, several connections at a time. The error reports our own failures
// only; a failure of one connection is recorded with that connection, and says when it is due again.
func (c *Collector) Work(ctx context.Context, claim domain.FetchClaim) error {
	tasks, err := c.Connections.Tasks(ctx, claim, c.clock())
	if err != nil || len(tasks) == 0 {
		return err
	}
	round, err := c.newRound(ctx, claim, tasks)
	if err != nil {
		return err
	}
	round.loadSecrets(ctx, tasks)
	var group errgroup.Group
	group.SetLimit(c.parallel(claim.FetchQueue, tasks))
	for _, task := range tasks {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if !c.held(ctx, task.ConnectionID) { // what is claimed and not read is given back
				_ = round.one(ctx, task) // noted with the connection
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is kept by connection
	return errors.Join(round.flush(ctx), ctx.Err())
}

// round is the reading of one claim.
type round struct {
	*Collector
	claim  domain.FetchClaim
	demand Demand
	client platforms.Client
	fetch  fetchFunc

	secrets map[string][]byte // by reference, as they were when the reading began

	mu      sync.Mutex
	results []domain.FetchResult // not stored yet
	stored  error
}

func (c *Collector) newRound(ctx context.Context, claim domain.FetchClaim, tasks []domain.FetchTask) (*round, error) {
	client, err := c.Client(claim.Platform)
	if err != nil {
		return nil, err
	}
	demand, err := c.paces.demandFor(ctx, claim.Platform, tasks, c.clock())
	if err != nil {
		return nil, err
	}
	f, err := c.fetchFunc(claim.Kind)
	return &round{Collector: c, claim: claim, demand: demand, client: client, fetch: f}, err
}

// loadSecrets reads the tokens of a whole claim at once; without them each connection looks up its own.
func (r *round) loadSecrets(ctx context.Context, tasks []domain.FetchTask) {
	refs := make([]string, len(tasks))
	for i, task := range tasks {
		refs[i] = task.SecretRef
	}
	var err error
	if r.secrets, err = r.Secrets.GetMany(ctx, refs); err != nil {
		r.Logger.WarnContext(ctx, "tokens are looked up one by one", "error", err)
	}
}

// one reads one connection and notes what became of it; the error says why it was not read.
func (r *round) one(ctx context.Context, task domain.FetchTask) error {
	began := r.clock()
	limited, cancel := context.WithTimeout(ctx, accountLimit)
	defer cancel()
	metered, meter := quota.WithMeter(inPriority(limited, r.claim.FetchQueue))
	f := &fetch{FetchTask: task, queue: r.claim.FetchQueue, client: r.client, secret: r.secrets[task.SecretRef], meter: meter}
	if r.claim.Kind != domain.FetchTokens {
		f.pace = PaceOf(r.claim.Kind, task.AccountType, r.demand.of(task.ConnectedAccount), r.Budget.Rates(r.claim.Platform))
		r.spare(f)
		f.apart = r.historyTurn(f, began)
	}
	got, err := r.fetchSafely(metered, f)
	if err != nil && ctx.Err() != nil {
		return err // cut short: it stays due, and nothing is known against it
	}
	tried := began
	if f.looked.After(tried) {
		tried = f.looked
	}
	if err = r.settle(context.WithoutCancel(ctx), task, tried, err); err == nil && meter.Calls() > 0 {
		err = r.works(context.WithoutCancel(ctx), task)
	}
	result := r.judge(context.WithoutCancel(ctx), f, began, got, err)
	r.metrics.connections.WithLabelValues(r.claim.Kind, r.claim.Platform.String(), cmp.Or(result.Class, "ok")).Inc()
	if err != nil {
		r.Logger.WarnContext(ctx, "connection is not read", "social_account", task.SocialAccount, "kind", r.claim.Kind,
			"platform", task.Platform.String(), "class", result.Class, "error", err)
	}
	r.note(ctx, result)
	return err
}

// inPriority lets posts, which are many and have hours, give way to accounts where the quota is short.
func inPriority(ctx context.Context, queue domain.FetchQueue) context.Context {
	if queue.Kind == domain.FetchPosts {
		return quota.InBackground(ctx)
	}
	return ctx
}

// fetchSafely makes an error of a panic: one odd answer must not end the reading of all others.
func (r *round) fetchSafely(ctx context.Context, f *fetch) (got fetched, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	if f.pace.Short() {
		if err := r.roomFor(ctx, f, f.calls()); err != nil {
			return got, err
		}
	}
	return r.fetch(ctx, f)
}

func (r *round) note(ctx context.Context, result domain.FetchResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, result)
	if len(r.results) >= recordBatch {
		r.store(ctx)
	}
}

// flush stores what is left and returns what went wrong with storing.
func (r *round) flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.results) > 0 {
		r.store(ctx)
	}
	return r.stored
}

// store needs the lock. It also stores after the claim's end: the readings are in the log.
func (r *round) store(ctx context.Context) {
	err := r.States.Record(context.WithoutCancel(ctx), r.claim, r.results)
	r.results, r.stored = r.results[:0], errors.Join(r.stored, err)
}

// mostParallel is how many connections of one claim are read at a time.
const mostParallel = 32

// parallel is how many of a claim's connections are read at a time: one, where the app's quota does not hold the calls of that many at once.
// Begun together, each would get some of its calls, and none would be whole.
func (c *Collector) parallel(queue domain.FetchQueue, tasks []domain.FetchTask) int {
	calls := 0
	for _, task := range tasks {
		calls = max(calls, callsOf(queue.Kind, queue.Platform, task.AccountType))
	}
	for _, q := range c.Budget.Rates(queue.Platform) {
		if q.Scope == domain.QuotaPerApp && int(q.Burst) < calls*min(mostParallel, len(tasks)) {
			return 1
		}
	}
	return mostParallel
}

// lookForPauses is how often work that runs looks whether an operator has paused a connection.
const lookForPauses = time.Second

// pausedConnections remembers for a moment what is paused: claims with many connections ask before each one.
type pausedConnections struct {
	mu      sync.Mutex
	asked   time.Time
	present map[int64]bool
}

// held tells whether an operator has paused a connection. What is claimed already is left alone too; a reading that has begun
// comes to its end. While pauses cannot be asked for, the last answer holds.
func (c *Collector) held(ctx context.Context, connection int64) bool {
	p := &c.paused
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.asked) >= lookForPauses {
		present, err := c.Connections.Paused(ctx)
		if err != nil {
			c.Logger.WarnContext(ctx, "it is not known which connections are paused", "error", err)
		} else {
			p.present = present
		}
		p.asked = now
	}
	return p.present[connection]
}
