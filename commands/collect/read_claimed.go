package collect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const recordBatch = 64

// Work reads the remaining accounts of a claim, several connections at a time. A failure of one
// connection is recorded with that connection, together with its next due time. The returned error
// concerns only our own storage.
func (c *Collector) Work(ctx context.Context, claim domain.FetchClaim) error {
	tasks, err := c.Connections.Tasks(ctx, claim, c.clock())
	if err != nil || len(tasks) == 0 {
		return err
	}
	round, err := c.newRound(ctx, claim, tasks)
	if err != nil {
		return err
	}
	refs := make([]string, len(tasks))
	for i, task := range tasks {
		refs[i] = task.SecretRef
	}
	if round.secrets, err = c.Secrets.GetMany(ctx, refs); err != nil {
		c.Logger.WarnContext(ctx, "read tokens one by one", "error", err)
	}
	var group errgroup.Group
	group.SetLimit(c.parallel(claim.FetchQueue, tasks))
	for _, task := range tasks {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if !c.isPaused(ctx, task.ConnectionID) { // a claim that is not read is released
				_ = round.one(ctx, task) // recorded with the connection
			}
			return nil
		})
	}
	_ = group.Wait() // errors are recorded by connection
	return errors.Join(round.flush(ctx), ctx.Err())
}

type round struct {
	*Collector
	claim  domain.FetchClaim
	demand Demand
	client platforms.Client
	fetch  fetchFunc

	secrets map[string][]byte // stored tokens by reference, as of the start of the round

	mu       sync.Mutex
	results  []domain.FetchResult // not stored yet
	storeErr error
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

// one reads one connection. The error says why the connection was not read.
func (r *round) one(ctx context.Context, task domain.FetchTask) (err error) {
	ctx, span := tracing.Start(ctx, "read "+r.claim.Kind+" "+r.claim.Platform.String(),
		trace.WithAttributes(attribute.Int64("ledgerboard.social_account", task.SocialAccount)))
	defer func() { tracing.End(span, err) }()
	startedAt := r.clock()
	limited, cancel := context.WithTimeout(ctx, accountLimit)
	defer cancel()
	metered, meter := quota.WithMeter(inPriority(limited, r.claim.FetchQueue))
	f := &fetch{
		FetchTask: task, queue: r.claim.FetchQueue, client: r.client, secret: r.secrets[task.SecretRef], meter: meter,
	}
	if r.claim.Kind != domain.FetchTokens {
		demand := r.demand
		demand.Together = demand.members[countedBy(task.ConnectedAccount)]
		f.pace = PaceOf(r.claim.Kind, task.AccountType, demand, r.Budget.Rates(r.claim.Platform))
		r.limitCalls(f)
		f.historyOnly = r.historyTurn(f, startedAt)
	}
	result, err := r.fetchSafely(metered, f)
	if err != nil && ctx.Err() != nil {
		return err // interrupted: the connection stays due, and no failure is recorded
	}
	storing := context.WithoutCancel(ctx)
	if err = r.settle(storing, task, later(startedAt, f.reloadedAt), err); err == nil && meter.Calls() > 0 {
		err = r.works(storing, task)
	}
	stored := r.judge(storing, f, startedAt, result, err)
	failure := "ok"
	if stored.Reason != nil {
		failure = string(stored.Reason.Code)
	}
	r.metrics.connections.WithLabelValues(r.claim.Kind, r.claim.Platform.String(), failure).Inc()
	if err != nil {
		r.Logger.WarnContext(ctx, "connection not read", "social_account", task.SocialAccount, "kind", r.claim.Kind,
			"platform", task.Platform.String(), "reason", failure, "error", err)
	}
	r.note(ctx, stored)
	return err
}

// inPriority gives posts, which are many and can wait for hours, a lower priority than accounts
// when the quota is scarce.
func inPriority(ctx context.Context, queue domain.FetchQueue) context.Context {
	if queue.Kind == domain.FetchPosts {
		return quota.InBackground(ctx)
	}
	return ctx
}

// fetchSafely converts a panic to an error: one unexpected response must not abort all other
// readings.
func (r *round) fetchSafely(ctx context.Context, f *fetch) (result fetched, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	if f.pace.Limited() {
		if err := r.roomFor(ctx, f, f.calls()); err != nil {
			return result, err
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

func (r *round) flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.results) > 0 {
		r.store(ctx)
	}
	return r.storeErr
}

// store requires the lock. It stores results even after the claim has expired, because the readings
// are in the log.
func (r *round) store(ctx context.Context) {
	err := r.States.Record(context.WithoutCancel(ctx), r.claim, r.results)
	r.results, r.storeErr = r.results[:0], errors.Join(r.storeErr, err)
}

const mostParallel = 32

// parallel returns how many of a claim's connections are read at a time. It is one if the app's
// quota does not have room for the calls of mostParallel connections: if they started together,
// each would get some of its calls, and none would finish.
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

const lookForPauses = time.Second

// pausedConnections caches which connections are paused, because a claim checks for pauses before
// it reads each connection.
type pausedConnections struct {
	mu      sync.Mutex
	asked   time.Time
	present map[int64]bool
}

// isPaused reports whether an operator has paused a connection. If pauses cannot be read, the last
// known pauses apply.
func (c *Collector) isPaused(ctx context.Context, connection int64) bool {
	p := &c.paused
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.asked) >= lookForPauses {
		present, err := c.Connections.Paused(ctx)
		if err != nil {
			c.Logger.WarnContext(ctx, "read paused connections", "error", err)
		} else {
			p.present = present
		}
		p.asked = now
	}
	return p.present[connection]
}
