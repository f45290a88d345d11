package collect

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// recordBatch is how many results are stored at a time. After a crash, connections whose result was not
// stored are read once more.
const recordBatch = 64

// Work reads what a shard of a slot still has to read, several connections at a time. The error reports
// our own failures only. A failure of one connection is recorded with that connection, and returned as a retry
// when it may pass soon.
func (c *Collector) Work(ctx context.Context, slot domain.FetchSlot, shard int) ([]domain.FetchRetry, error) {
	tasks, err := c.Connections.Tasks(ctx, slot, shard, c.clock())
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	round, err := c.newRound(slot)
	if err != nil {
		return nil, err
	}
	round.loadSecrets(ctx, tasks)
	var group errgroup.Group
	group.SetLimit(c.Parallel)
	for _, task := range tasks {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			_ = round.one(ctx, task) // noted with the connection
			return nil
		})
	}
	_ = group.Wait() // what went wrong is kept by connection
	return round.retries, errors.Join(round.flush(ctx), ctx.Err())
}

// Retry reads one connection of a slot again. It returns when to try once more, if that is worth it.
func (c *Collector) Retry(ctx context.Context, slot domain.FetchSlot, socialAccount int64) ([]domain.FetchRetry, error) {
	tasks, err := c.Connections.Task(ctx, slot, socialAccount, c.clock())
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	round, err := c.newRound(slot)
	if err != nil {
		return nil, err
	}
	_ = round.one(ctx, tasks[0]) // noted with the connection
	return round.retries, errors.Join(round.flush(ctx), ctx.Err())
}

// round is one job at work.
type round struct {
	*Collector
	slot   domain.FetchSlot
	client platforms.Client
	fetch  fetchFunc

	secrets map[string][]byte // by reference, as they were when the job began

	mu      sync.Mutex
	results []domain.FetchResult // not stored yet
	retries []domain.FetchRetry
	stored  error
}

func (c *Collector) newRound(slot domain.FetchSlot) (*round, error) {
	client, err := c.Clients.For(slot.Platform)
	if err != nil {
		return nil, err
	}
	f, err := c.fetchFunc(slot.Kind)
	return &round{Collector: c, slot: slot, client: client, fetch: f}, err
}

// loadSecrets reads the tokens of a whole job at once; without them each connection looks up its own.
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
	metered, meter := quota.WithMeter(inLane(limited, r.slot))
	f := &fetch{FetchTask: task, slot: r.slot, client: r.client, secret: r.secrets[task.SecretRef]}
	got, err := r.fetchSafely(metered, f)
	if err == nil && !got.more {
		r.costs.learn(r.slot, meter.Calls())
	}
	if err != nil && ctx.Err() != nil {
		return err // cut short: it stays due, and nothing is known against it
	}
	r.hear(ctx, r.slot, got, err)
	if f.renewed.After(began) {
		began = f.renewed
	}
	if err = r.settle(context.WithoutCancel(ctx), task, began, err); err == nil && meter.Calls() > 0 {
		err = r.works(context.WithoutCancel(ctx), task)
	}
	result, again := r.judge(task, got, err)
	r.Observe.Fetched(r.slot, result.Class)
	if err != nil {
		r.Logger.WarnContext(ctx, "connection is not read", "social_account", task.SocialAccount, "kind", r.slot.Kind,
			"platform", task.Platform.String(), "class", result.Class, "error", err)
	}
	r.note(ctx, result, again)
	return err
}

// inLane lets posts, which are many and have hours, give way to accounts where the quota is short.
func inLane(ctx context.Context, slot domain.FetchSlot) context.Context {
	if slot.Kind == domain.FetchPosts {
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
	return r.fetch(ctx, f)
}

func (r *round) note(ctx context.Context, result domain.FetchResult, again *domain.FetchRetry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, result)
	if again != nil {
		r.retries = append(r.retries, *again)
	}
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

// store needs the lock. It also stores after the slot's end: the readings are in the log.
func (r *round) store(ctx context.Context) {
	err := r.States.Record(context.WithoutCancel(ctx), r.slot, r.results)
	r.results, r.stored = r.results[:0], errors.Join(r.stored, err)
}
