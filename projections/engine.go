package projections

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Log is the part of the event log that the engine uses; *eventlog.Log implements it.
type Log interface {
	Follow(c eventlog.FollowConfig) (eventlog.Follower, error)
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	ReadAt(ctx context.Context, p domain.Position) (eventlog.Record, error)
	Decode(r eventlog.Record) (domain.Recorded, error)
	Scan(ctx context.Context, c eventlog.ScanConfig) error
}

// Config configures an engine.
type Config struct {
	Projector fold.Projector
	Log       Log
	// DatabaseURL is the database of the tables. Each generation gets its own pool.
	DatabaseURL string
	// Pool connects to the engine's own tables: its search path is schema lb_engine. All engines
	// share it.
	Pool     *pgxpool.Pool
	Topics   []eventlog.TopicSpec
	Registry *domain.Registry
	Logger   *slog.Logger
	// Progress, if set and listening, reports each step of a generation immediately, for example a
	// requested rebuild. Without it, the engine polls every 2 s.
	Progress *pg.Progress
	// SortDir is where builds and checks write records that they sort by key if those of a partition
	// need more than 32 MB. It is created if needed. Default: the directory for temporary files.
	SortDir string
	// Paused, if set, reports whether an operator has paused the projection.
	Paused func(ctx context.Context) (bool, error)
}

// foldConns is the maximum number of connections per followed generation: one for each concurrent
// transaction, one for checks, and one for a stream that is folded again.
const foldConns = foldWorkers + 2

// intervals are the wait times of an engine and its sessions.
type intervals struct {
	look     time.Duration // between checks of the pause flag and of the generations' state
	caughtUp time.Duration // between stamps of checkpoints that are at the end of the log
	tidy     time.Duration // between checks of the views of schema lb and of superseded generations
	reports  time.Duration // limit of the wait of a switch for older snapshots
	finish   time.Duration // limit for completing the current poll or switch during shutdown
	// retry is how long a batch is retried before the session gives up its partitions. If another
	// process can reach the database, commands wait no longer than this.
	retry time.Duration
}

var defaultIntervals = intervals{
	look: 2 * time.Second, caughtUp: time.Minute,
	tidy: 5 * time.Second, reports: time.Hour, finish: 5 * time.Second, retry: 5 * time.Second,
}

// Engine runs one projector. It ensures that a generation exists, and runs a separate session
// for each generation that is live or being built.
type Engine struct {
	work

	mu       sync.Mutex
	sessions map[int]*session // of this process, by generation
	problem  string           // why no generation can be followed; "" if there is no problem
	waits    map[waiting]wait // partitions that were behind at the last Status

	notDropped string // why old tables are not dropped, as last logged

	older olderSnapshots // while views of schema lb still show an older version
}

type work struct {
	loops
	projector       fold.Projector
	log             Log
	databaseURL     string
	pool            *pgxpool.Pool // of schema lb_engine
	registry        *domain.Registry
	logger          *slog.Logger
	progress        *pg.Progress
	paused          func(context.Context) (bool, error)
	maxRecords      int
	sortDir         string
	sortMemory      int // bytes, for one shard
	writeEvery      int // events of a key
	every           intervals
	types           map[string]bool // event types to fold; empty: all
	compacted       bool
	chained         bool // the topic has hash chains
	partitions      int32
	deleteRetention time.Duration
	refused         map[domain.Position]*fold.BadEventError // in a check: see [refusedEvents]
}

// OpenEnginePool opens the pool of schema lb_engine, which the engines and the operator commands
// share.
func OpenEnginePool(ctx context.Context, databaseURL string, conns int32) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: []string{migrations.Engine}, Name: "engine", MaxConns: conns, AsyncCommit: true,
		Params: pg.Limits(statementInFold, "", idleAtMost),
	})
}

// New creates an engine; Run starts it. Progress and Paused are optional.
func New(c Config) (*Engine, error) {
	at := slices.IndexFunc(c.Topics, func(t eventlog.TopicSpec) bool { return t.Name == c.Projector.Topic })
	if at < 0 {
		return nil, fmt.Errorf("topic %s has no definition", c.Projector.Topic)
	}
	topic := c.Topics[at]
	w := work{
		projector: c.Projector, log: c.Log, databaseURL: c.DatabaseURL, pool: c.Pool, registry: c.Registry,
		logger: c.Logger.With("projection", c.Projector.Name), progress: cmp.Or(c.Progress, pg.NewProgress()),
		paused: c.Paused, maxRecords: maxRecords, sortDir: cmp.Or(c.SortDir, os.TempDir()),
		sortMemory: sortMemory / max(checkWorkers, 2*CopiesAtOnce()), writeEvery: writeEvery,
		every: defaultIntervals, types: map[string]bool{},
		compacted: topic.Compacted, chained: topic.Chained, partitions: topic.Partitions,
		deleteRetention: deleteRetention(topic),
	}
	for _, t := range c.Projector.Types {
		w.types[t] = true
	}
	if w.paused == nil {
		w.paused = func(context.Context) (bool, error) { return false, nil }
	}
	return &Engine{work: w, sessions: map[int]*session{}, waits: map[waiting]wait{}}, nil
}

// Name returns the projection's name.
func (e *Engine) Name() string { return e.projector.Name }

// Moved returns a channel that is closed when the tables have moved, if [Config.Progress] reports it. It is
// for projections of topics without streams: others report which stream has moved.
func (e *Engine) Moved() <-chan struct{} { return e.progress.Changed(e.projector.Name, pg.AnyKey) }

// Run folds the log until ctx is done and then returns nil. While it cannot continue, for example
// because the database is down or the projection is paused, it waits, and Status returns the
// reason.
func (e *Engine) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { _ = e.run(ctx, "builds", e.Stepped, e.buildAll) }) // these end only with ctx
	running.Go(func() { _ = e.run(ctx, "tidy", nil, e.tidy) })
	_ = e.run(ctx, "sessions", e.Stepped, func(ctx context.Context) (time.Duration, error) {
		for _, s := range e.begin(ctx) {
			running.Go(func() {
				s.keepFollowing(ctx)
				e.mu.Lock()
				defer e.mu.Unlock()
				delete(e.sessions, s.number)
			})
		}
		return e.every.look, nil
	})
	return nil
}

// tidy drops generations that are no longer needed. It also updates the views of schema lb: the
// process that switched may have been interrupted before, and processes of a newer version may have
// ended.
func (e *Engine) tidy(ctx context.Context) (time.Duration, error) {
	e.publish(ctx)
	err := e.dropOld(ctx)
	if err != nil && ctx.Err() == nil && err.Error() != e.notDropped {
		e.notDropped = err.Error()
		e.logger.Warn("old tables are not dropped yet", "error", err)
	}
	return e.every.tidy, nil
}

// publish updates the views of schema lb, which people read, to this version, now or later. It only
// logs an error, because the program does not read these views.
func (e *Engine) publish(ctx context.Context) {
	switch late, err := e.replaceViews(ctx, &e.older); {
	case err == nil:
		e.warnLate(late)
	case ctx.Err() == nil:
		e.logger.Warn("the views of schema lb are not updated to this version yet", "error", err)
	}
}

// warnLate logs which sessions a switch did not wait for any longer.
func (e *Engine) warnLate(sessions string) {
	if sessions != "" {
		e.logger.Warn("transactions that began before the switch will see empty tables", "sessions", sessions)
	}
}

func (e *Engine) begin(ctx context.Context) (fresh []*session) {
	generations, err := e.unlessPaused(ctx)
	generations = slices.DeleteFunc(generations, e.follows)
	var database string // in the names of consumer groups: two databases on one log must not share a group
	if err == nil && len(generations) > 0 {
		err = e.pool.QueryRow(ctx, `select database_id::text from identity`).Scan(&database)
		err = pg.Wrap("read the database's id", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil && e.problem != err.Error() {
			e.logger.Error("no generation can be followed", "error", err)
		}
		e.problem = err.Error()
		return nil
	}
	e.problem = ""
	for _, g := range generations {
		s := newSession(e.work, g, database)
		e.sessions[g.Number] = s
		fresh = append(fresh, s)
	}
	return fresh
}

func (e *Engine) follows(g generation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[g.Number] != nil
}

// unlessPaused returns the generations to follow. While an operator has paused the projection, it
// returns only generations that are being built.
func (e *Engine) unlessPaused(ctx context.Context) ([]generation, error) {
	paused, err := e.paused(ctx)
	if err != nil {
		return nil, fmt.Errorf("read pause flag: %w", err)
	}
	if !paused {
		return e.toFollow(ctx)
	}
	found, err := e.followable(ctx, e.pool)
	return slices.DeleteFunc(found, func(g generation) bool { return g.State == operator.StateLive }), err
}

func generationName(projection string, number int) string {
	return fmt.Sprintf("%s.g%d", projection, number)
}
