package collect

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const recordBatch = 64

// Work reads the accounts of a claim, several connections at a time. A failure of one
// connection is recorded with that connection, together with its next due time. The returned error
// concerns only our own storage. If a quota that all accounts share is used up, Work begins no
// further readings, and wait is the time until it has calls again.
func (c *Collector) Work(ctx context.Context, claim domain.FetchClaim) (wait time.Duration, err error) {
	tasks := claim.Tasks
	round, err := c.newRound(ctx, claim)
	if err != nil {
		return 0, err
	}
	refs := make([]string, len(tasks))
	for i, task := range tasks {
		refs[i] = task.SecretRef
	}
	if round.secrets, err = c.Secrets.GetMany(ctx, refs); err != nil {
		c.Logger.WarnContext(ctx, "read tokens one by one", "error", err)
	}
	var readers sync.WaitGroup
	slots := make(chan struct{}, mostParallel)
	for _, task := range tasks {
		slots <- struct{}{}
		if ctx.Err() != nil || round.refused.Load() != nil {
			break
		}
		// A claim that is not read is released. If pauses cannot be read, the last known ones apply.
		if paused, _ := c.paused.have(ctx, domain.PauseConnection, strconv.FormatInt(task.ConnectionID, 10)); paused {
			<-slots
			continue
		}
		reading, f, err := round.begin(ctx, task) // one after the other, so that the most overdue get the calls
		readers.Go(func() {
			defer func() { <-slots }()
			_ = round.readOne(reading, f, err) // recorded with the connection
		})
	}
	readers.Wait()
	if refusal := round.refused.Load(); refusal != nil {
		wait = c.Budget.Wake(refusal)
	}
	return wait, errors.Join(round.flush(ctx), ctx.Err())
}

type round struct {
	*Collector
	claim  domain.FetchClaim
	client platforms.Client
	fetch  fetchFunc

	secrets map[string][]byte // stored tokens by reference, as of the start of the round
	notes   map[int64][]domain.PostNote
	refused atomic.Pointer[Refusal] // by a quota that all accounts share; nil if there was none

	mu       sync.Mutex
	ended    []*Reading           // whose unused calls are not returned yet
	results  []domain.FetchResult // not stored yet
	storeErr error
}

func (c *Collector) newRound(ctx context.Context, claim domain.FetchClaim) (*round, error) {
	client, err := c.Client(claim.Platform)
	if err != nil {
		return nil, err
	}
	r := &round{Collector: c, claim: claim, client: client}
	if r.fetch, err = c.fetchFunc(claim.Kind); err == nil && claim.Kind == domain.FetchPosts {
		r.notes, err = c.States.PostNotes(ctx, claim.Accounts())
	}
	return r, err
}

// begin takes the calls of the first step of a reading. It returns the context of the reading.
func (r *round) begin(ctx context.Context, task domain.FetchTask) (_ context.Context, f *fetch, err error) {
	f = &fetch{
		FetchTask: task, queue: r.claim.FetchQueue, client: r.client, secret: r.secrets[task.SecretRef],
		notes: notesOf(r.notes[task.SocialAccount]), startedAt: r.clock(),
	}
	ctx, f.reading = r.Budget.Reading(ctx, kindOf(f))
	switch {
	case f.queue.Kind == domain.FetchPosts:
		err = f.postStep(ctx)
	case f.queue.Kind == domain.FetchAccounts && r.historyFirst(f, f.startedAt):
		err = f.historyStep(ctx)
	case f.queue.Kind == domain.FetchAccounts:
		err = f.accountStep(ctx)
	}
	r.heed(f)
	return ctx, f, err
}

// heed stops the round if a quota that all accounts share refused a call of a reading. One that
// refused only a part of the history may have the calls of a reading: posts leave half of it.
func (r *round) heed(f *fetch) {
	refusal := f.reading.Refusal()
	if refusal != nil && refusal.Shared() && (refusal.Held || refusal.Kind != domain.CallsPosts || f.queue.Kind == domain.FetchPosts) {
		r.refused.Store(refusal)
	}
}

// readOne reads one connection, unless its first step was refused. The error says why the connection was
// not read.
func (r *round) readOne(ctx context.Context, f *fetch, refused error) (err error) {
	task, startedAt := f.FetchTask, f.startedAt
	ctx, span := tracing.Start(ctx, "read "+r.claim.Kind+" "+r.claim.Platform.String(),
		trace.WithAttributes(attribute.Int64("ledgerboard.social_account", task.SocialAccount)))
	defer func() { tracing.End(span, err) }()
	limited, cancel := context.WithTimeout(ctx, accountLimit)
	defer cancel()
	result, err := fetched{}, refused
	if err == nil {
		result, err = r.fetchSafely(limited, f)
	}
	r.heed(f)
	if err != nil && ctx.Err() != nil {
		r.note(ctx, f.reading)
		return err // interrupted: the connection stays due, and no failure is recorded
	}
	storing := context.WithoutCancel(ctx)
	if dead(err) {
		err = r.tokens.endOf(limited, f, err)
	}
	if err = r.recordDeadToken(storing, f, later(startedAt, f.reloadedAt), err); err == nil && f.reading.Calls() > 0 {
		err = r.recordRecovery(storing, task)
	}
	stored := r.resultOf(storing, f, startedAt, result, err)
	failure := "ok"
	if stored.Reason != nil {
		failure = string(stored.Reason.Code)
	}
	r.metrics.connections.WithLabelValues(r.claim.Kind, r.claim.Platform.String(), failure).Inc()
	if err != nil {
		r.Logger.WarnContext(ctx, "connection not read", "social_account", task.SocialAccount, "kind", r.claim.Kind,
			"platform", task.Platform.String(), "reason", failure, "error", err)
	}
	r.note(ctx, f.reading, stored)
	return err
}

// kindOf returns what the first call of a reading is for.
func kindOf(f *fetch) domain.CallKind {
	switch {
	case f.queue.Kind == domain.FetchPosts:
		return domain.CallsPosts
	case f.queue.Kind == domain.FetchAccounts && f.ReadAt != nil:
		return domain.CallsAccounts
	default:
		return domain.CallsUrgent
	}
}

// fetchSafely converts a panic to an error: one unexpected response must not abort all other
// readings.
func (r *round) fetchSafely(ctx context.Context, f *fetch) (result fetched, err error) {
	err = safely(func() (err error) {
		result, err = r.fetch(ctx, f)
		return err
	})
	return result, err
}

// note adds an ended reading and its result, if it has one, to those to be stored.
func (r *round) note(ctx context.Context, ended *Reading, result ...domain.FetchResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.results = append(r.ended, ended), append(r.results, result...)
	if len(r.ended) >= recordBatch {
		r.store(ctx)
	}
}

func (r *round) flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ended) > 0 {
		r.store(ctx)
	}
	return r.storeErr
}

// store requires the lock. It stores results even after the claim has expired, because the readings
// are in the log; not those of a page that another round has claimed since.
func (r *round) store(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if err := r.Budget.Return(ctx, r.ended...); err != nil {
		r.Logger.WarnContext(ctx, "unused calls not returned", "platform", r.claim.Platform.String(), "error", err)
	}
	if len(r.results) > 0 {
		r.storeErr = errors.Join(r.storeErr, r.States.Record(ctx, r.claim, r.results))
	}
	r.ended, r.results = r.ended[:0], r.results[:0]
}

const mostParallel = 32
