package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Log is what the engine needs of the event log; *eventlog.Log implements it.
type Log interface {
	Follow(c eventlog.FollowConfig) (eventlog.Follower, error)
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	ReadAt(ctx context.Context, p domain.Position) (eventlog.Record, error)
	Decode(r eventlog.Record) (domain.Recorded, error)
	Scan(ctx context.Context, c eventlog.ScanConfig) error
}

// Config holds an engine's parts.
type Config struct {
	Projector fold.Projector
	Log       Log
	// DatabaseURL is where the tables are: each generation gets a pool of its own.
	DatabaseURL string
	// Pool is for what the engine keeps of itself: its search path is schema lb_engine. Engines share it.
	Pool     *pgxpool.Pool
	Topics   []eventlog.TopicSpec
	Registry *domain.Registry
	Logger   *slog.Logger
	// Progress, if set and listening, hears of the steps of generations at once: rebuilds that are asked for, generations to
	// follow. Without it they are found by a look every 2 s.
	Progress *pg.Progress
	// Paused, if set, tells whether an operator has paused the projection.
	Paused func(ctx context.Context) (bool, error)
}

// foldConns is how many connections each generation that is followed may hold: one for each fold at a time, and one for looks.
const foldConns = foldWorkers + 1

// intervals are how long an engine and its sessions wait.
type intervals struct {
	look     time.Duration // between looks at the pause flag and the state of the generations, when nothing is heard of them
	caughtUp time.Duration // until an idle projection notes again that it is at the log's end
	tidy     time.Duration // between looks at the views of schema lb and at superseded generations
	finish   time.Duration // at a stop, for the poll that is folded
	// retry is how long a batch waits for the database before it gives its partitions back: where another process reaches it,
	// commands wait no longer than that.
	retry time.Duration
}

var defaultIntervals = intervals{look: 2 * time.Second, caughtUp: time.Minute, tidy: 5 * time.Second, finish: 5 * time.Second, retry: 5 * time.Second}

// Engine runs one projector: it sees to it that there is a generation, and follows each that is not retired in a
// session of its own.
type Engine struct {
	work

	mu       sync.Mutex
	sessions map[int]*session // by generation, of this process
	problem  string           // why no generation can be followed; "" when one can
	waits    map[waiting]wait // partitions that Status has seen behind
}

// work is what an engine and its sessions share.
type work struct {
	projector       fold.Projector
	log             Log
	databaseURL     string
	pool            *pgxpool.Pool // of schema lb_engine
	registry        *domain.Registry
	logger          *slog.Logger
	progress        *pg.Progress
	paused          func(context.Context) (bool, error)
	maxRecords      int
	every           intervals
	types           map[string]bool // wanted event types; empty: all
	compacted       bool
	chained         bool // order holds within a stream
	deleteRetention time.Duration
}

// OpenEnginePool opens the pool that engines share, and operators' steps with them: schema lb_engine.
func OpenEnginePool(ctx context.Context, databaseURL string, conns int32) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: []string{migrations.Engine}, Name: "engine", MaxConns: conns, AsyncCommit: true,
		Params: map[string]string{"idle_in_transaction_session_timeout": idleAtMost},
	})
}

// New makes an engine; Run starts it.
func New(c Config) (*Engine, error) {
	if c.Projector.Begin == nil || c.Log == nil || c.Pool == nil || c.DatabaseURL == "" || c.Registry == nil || c.Logger == nil {
		return nil, errors.New("projections.New needs Projector, Log, DatabaseURL, Pool, Registry and Logger")
	}
	w, err := newWork(c)
	if err != nil {
		return nil, err
	}
	return &Engine{
		work:     w,
		sessions: map[int]*session{}, waits: map[waiting]wait{},
	}, nil
}

func newWork(c Config) (work, error) {
	at := slices.IndexFunc(c.Topics, func(t eventlog.TopicSpec) bool { return t.Name == c.Projector.Topic })
	if at < 0 {
		return work{}, fmt.Errorf("topic %s has no definition", c.Projector.Topic)
	}
	topic := c.Topics[at]
	w := work{
		projector: c.Projector, log: c.Log, databaseURL: c.DatabaseURL, pool: c.Pool, registry: c.Registry,
		logger: c.Logger.With("projection", c.Projector.Name), progress: cmp.Or(c.Progress, pg.NewProgress()),
		paused: c.Paused, maxRecords: maxRecords, every: defaultIntervals, types: map[string]bool{},
		compacted: topic.Compacted, deleteRetention: deleteRetention(topic),
	}
	_, w.chained = c.Projector.Begin(0).(fold.Chained)
	for _, t := range c.Projector.Types {
		w.types[t] = true
	}
	if w.paused == nil {
		w.paused = func(context.Context) (bool, error) { return false, nil }
	}
	return w, nil
}

// stepped is closed at the next step of the projection's generations, where [Config.Progress] hears of it. Take it before
// looking at the tables.
func (w work) stepped() <-chan struct{} {
	return w.progress.Moved(generationsOf(w.projector.Name), "any")
}

// Name returns the projection's name.
func (e *Engine) Name() string { return e.projector.Name }

// Run projects until ctx is done; it returns nil then. What can be mended from outside (no database,
// a pause) is waited for, and shows in Status.
func (e *Engine) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { e.keepRebuilding(ctx) })
	running.Go(func() { keepDropping(ctx, e.work) })
	for {
		stepped := e.stepped()
		for _, s := range e.begin(ctx) {
			running.Go(func() {
				defer e.drop(s)
				s.run(ctx)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-stepped:
		case <-time.After(e.every.look): // after the look, however long it took
		}
	}
}

// begin returns new sessions for the generations that are to be followed and are not yet.
func (e *Engine) begin(ctx context.Context) []*session {
	generations, err := e.unlessPaused(ctx)
	generations = slices.DeleteFunc(generations, e.follows)
	var database string
	if len(generations) > 0 {
		var unread error
		if database, unread = databaseID(ctx, e.pool); unread != nil {
			err = unread
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.problem
	e.problem = ""
	if err != nil {
		e.problem = err.Error()
	}
	if err != nil {
		if ctx.Err() == nil && before != e.problem {
			e.logger.Error("no generation can be followed", "error", err)
		}
		return nil
	}
	var fresh []*session
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

// unlessPaused reads what is to be followed. When an operator has paused the projection, only a generation that is being
// built is.
func (e *Engine) unlessPaused(ctx context.Context) ([]generation, error) {
	paused, err := e.paused(ctx)
	if err != nil {
		return nil, fmt.Errorf("read pause flag: %w", err)
	}
	if !paused {
		return e.toFollow(ctx)
	}
	found, err := e.followable(ctx, e.pool)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(g generation) bool { return g.State == StateLive }), nil
}

func (e *Engine) drop(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.sessions, s.gen.Number)
}

func generationName(projection string, number int) string {
	return fmt.Sprintf("%s.g%d", projection, number)
}

// databaseID names the database in consumer groups: two databases on one log must not share one.
func databaseID(ctx context.Context, pool *pgxpool.Pool) (id string, err error) {
	if err := pool.QueryRow(ctx, `select database_id::text from identity`).Scan(&id); err != nil {
		return "", fmt.Errorf("read the database's id: %w", err)
	}
	return id, nil
}
