package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Log is what the engine needs of the event log; *eventlog.Log implements it.
type Log interface {
	Follow(c eventlog.FollowConfig) (eventlog.Follower, error)
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	ReadAt(ctx context.Context, p domain.Position) (eventlog.Record, error)
	Decode(r eventlog.Record) (domain.Recorded, error)
}

// Config holds an engine's parts.
type Config struct {
	Projector Projector
	Log       Log
	// Pool writes with the schema of the read models as search path; asynchronous commit is right for it.
	Pool     *pgxpool.Pool
	Topics   []eventlog.TopicSpec
	Registry *domain.Registry
	Logger   *slog.Logger
	// Paused, if set, tells whether an operator has paused the projection.
	Paused func(ctx context.Context) (bool, error)
}

// Limits and rhythms of the engine.
const (
	// lookEvery is how often the pause flag and the state of the generation are looked at.
	lookEvery = time.Second
	// caughtUpEvery is how often an idle projection notes that it is at the log's end.
	caughtUpEvery = time.Minute
	// noteWithin bounds that note: nothing is folded meanwhile.
	noteWithin = 2 * time.Second
	// databaseBackoff bounds the wait between tries while the database is away.
	databaseBackoffMin, databaseBackoffMax = 50 * time.Millisecond, 5 * time.Second
	// sessionPatience is how long a batch waits for the database before it gives its partitions back.
	sessionPatience = 30 * time.Second
)

// Engine runs one projector: it follows the topic, folds batches and keeps the checkpoint in the
// transaction of the rows.
type Engine struct {
	projector       Projector
	log             Log
	pool            *pgxpool.Pool
	registry        *domain.Registry
	logger          *slog.Logger
	paused          func(context.Context) (bool, error)
	maxRecords      int
	types           map[string]bool // wanted event types; empty: all
	compacted       bool
	deleteRetention time.Duration

	mu      sync.Mutex
	gen     generation
	next    map[int32]int64  // the checkpoint of each partition as this process last knew it
	stopped map[int32]string // partitions that must not be followed, with the reason
	problem string           // why the whole projection does not run; "" when it does
	stale   int64            // records that lost their race, counted since the start
	waits   map[int32]wait   // partitions that Status has seen behind
}

// New makes an engine; Run starts it.
func New(c Config) (*Engine, error) {
	if c.Projector == nil || c.Log == nil || c.Pool == nil || c.Registry == nil || c.Logger == nil {
		return nil, errors.New("projections.New needs Projector, Log, Pool, Registry and Logger")
	}
	topic, err := topicOf(c.Topics, c.Projector.Topic())
	if err != nil {
		return nil, err
	}
	e := &Engine{
		projector: c.Projector, log: c.Log, pool: c.Pool, registry: c.Registry,
		logger: c.Logger.With("projection", c.Projector.Name()),
		paused: c.Paused, maxRecords: maxRecords,
		compacted: topic.Compacted, deleteRetention: deleteRetention(topic),
		stopped: map[int32]string{}, next: map[int32]int64{}, types: map[string]bool{}, waits: map[int32]wait{},
	}
	for _, t := range c.Projector.Types() {
		e.types[t] = true
	}
	if e.paused == nil {
		e.paused = func(context.Context) (bool, error) { return false, nil }
	}
	return e, nil
}

// Name returns the projection's name.
func (e *Engine) Name() string { return e.projector.Name() }

// Run projects until ctx is done; it returns nil then. What can be mended from outside (no database,
// a pause, tables of another version) is waited for, and shows in Status.
func (e *Engine) Run(ctx context.Context) error {
	backoff := databaseBackoffMin
	for ctx.Err() == nil {
		began := time.Now()
		err := e.session(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // to be ended is no error
		}
		ended := errors.Is(err, errRetired) || errors.Is(err, errPaused)
		if ended || time.Since(began) > databaseBackoffMax {
			backoff = databaseBackoffMin
		}
		if !ended {
			e.setProblem(err.Error())
			e.logger.Error("projection session ended", "error", err, "retry_in", backoff.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(backoff*2, databaseBackoffMax)
	}
	return nil
}

var errPaused = errors.New("projection is paused")

// session opens the generation and follows the log, poll by poll, until something ends it.
func (e *Engine) session(ctx context.Context) error {
	if err := e.waitResumed(ctx); err != nil {
		return err
	}
	g, err := e.openGeneration(ctx)
	if err != nil {
		return err
	}
	e.begin(g)
	follower, err := e.log.Follow(eventlog.FollowConfig{
		Topic: e.projector.Topic(), Group: fmt.Sprintf("%s.g%d", e.projector.Name(), g.Number),
		MaxRecords: e.maxRecords, Positions: e.positions,
	})
	if err != nil {
		return err
	}
	defer follower.Close()
	var looked time.Time
	noted := time.Now()
	for {
		if time.Since(looked) >= lookEvery {
			if err := e.look(ctx); err != nil {
				return err
			}
			looked = time.Now()
		}
		if time.Since(noted) >= caughtUpEvery {
			e.noteCaughtUp(ctx)
			noted = time.Now()
		}
		batch, err := follower.Poll(ctx, lookEvery)
		if err != nil {
			return err
		}
		e.stop(batch.Stopped)
		if err := e.handle(ctx, batch); err != nil {
			return err
		}
		follower.Done(batch)
	}
}

// waitResumed blocks while the projection is paused.
func (e *Engine) waitResumed(ctx context.Context) error {
	for {
		paused, err := e.paused(ctx)
		if err != nil {
			return fmt.Errorf("read pause flag: %w", err)
		}
		if !paused {
			return nil
		}
		e.setProblem(errPaused.Error())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// look ends the session when the projection is paused or its generation is not the current one any more:
// an idle projection would not find out by itself. What cannot be read now is looked at again.
func (e *Engine) look(ctx context.Context) error {
	if paused, err := e.paused(ctx); err == nil && paused {
		return errPaused
	}
	if g, found, err := currentGeneration(ctx, e.pool, e.projector.Name()); err == nil && (!found || g.Number != e.current().Number) {
		return errRetired
	}
	return e.goLive(ctx)
}

// noteCaughtUp stamps the checkpoints that stand at the end of the log.
func (e *Engine) noteCaughtUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	ranges, _, err := e.log.Ranges(ctx, e.projector.Topic())
	for _, r := range ranges {
		if err != nil {
			break
		}
		_, err = e.pool.Exec(ctx, `
			update checkpoints set caught_up_at = now()
			where projection = $1 and generation = $2 and partition = $3 and next_offset >= $4 and state <> 'retired'`,
			e.projector.Name(), e.current().Number, r.Partition, r.End)
	}
	if err != nil && ctx.Err() == nil {
		e.logger.Warn("note that the end of the log is reached", "error", err)
	}
}

// positions is asked for newly assigned partitions. It also folds parked records again whose type
// this binary has come to know.
func (e *Engine) positions(ctx context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
	g := e.current()
	if err := e.retryNowKnown(ctx, g, partitions); err != nil {
		return nil, err
	}
	next, err := readCheckpoints(ctx, e.pool, e.projector.Name(), g.Number)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]eventlog.Checkpoint, len(partitions))
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range partitions {
		delete(e.stopped, p) // it is looked at anew
		if offset, ok := next[p]; ok {
			out[p] = eventlog.Checkpoint{TopicID: g.TopicID, NextOffset: offset}
			e.next[p] = offset
		}
	}
	return out, nil
}

// known returns the checkpoint of a partition as this process last knew it.
func (e *Engine) known(partition int32) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.next[partition]
}

// note remembers where the steps have moved their checkpoints, and that the projection runs.
func (e *Engine) note(steps []step) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problem = ""
	for _, s := range steps {
		e.next[s.partition] = s.to
	}
}

// stop notes which partitions are not followed, and that the session works.
func (e *Engine) stop(stopped map[int32]error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problem = ""
	for partition, reason := range stopped {
		e.stopped[partition] = reason.Error()
		e.logger.Error("partition is not followed", "partition", partition, "reason", reason)
	}
}

func (e *Engine) current() generation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gen
}

func (e *Engine) setCurrent(g generation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gen = g
}

// begin starts a session on a generation: partitions are looked at anew.
func (e *Engine) begin(g generation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gen = g
	clear(e.stopped)
	clear(e.next)
}

func (e *Engine) setProblem(problem string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problem = problem
}
