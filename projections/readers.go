package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// ReadersConfig holds what Readers stand on.
type ReadersConfig struct {
	DatabaseURL string
	Pool        *pgxpool.Pool // of schema lb_engine
	Projectors  []Projector   // whose tables are read, in the versions of this program
	MaxConns    int32
	Logger      *slog.Logger
}

// Readers are the tables of the generations that the pointer names, read-only. Each set of generations has a pool of its own;
// when the pointer moves, new statements go to the new pool, and the old one is closed after its last transaction.
// They implement [pg.Reader].
type Readers struct {
	config  ReadersConfig
	current atomic.Pointer[readerPool]
	mu      sync.Mutex // one refresh at a time
	closing sync.WaitGroup

	heldMu sync.Mutex
	held   map[*readerPool]bool // every pool that is not closed yet
}

// readerPool is the pool of one set of generations.
type readerPool struct {
	*pgxpool.Pool
	names    []string // projection.g<number>
	schemas  []string
	complete bool // every projection has a generation
}

// Rhythms of the readers.
const (
	refreshEvery = 500 * time.Millisecond
	// refreshSoon is the rhythm until every projection has a generation.
	refreshSoon = 50 * time.Millisecond
)

// OpenReaders opens the tables that the pointer names now; see [Readers.Run].
func OpenReaders(ctx context.Context, c ReadersConfig) (*Readers, error) {
	r := &Readers{config: c, held: map[*readerPool]bool{}}
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Run follows the pointer until ctx is done.
func (r *Readers) Run(ctx context.Context) {
	for {
		wait := refreshEvery
		if !r.current.Load().complete {
			wait = refreshSoon
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			r.config.Logger.Warn("follow the pointer of the read models", "error", err)
		}
	}
}

// Refresh looks where the pointer stands. It returns after new statements go there.
func (r *Readers) Refresh(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &readerPool{complete: true}
	for _, p := range r.config.Projectors {
		var number int
		err := r.config.Pool.QueryRow(ctx, readersGenerationSQL, p.Name(), p.Version()).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			next.complete = false
			continue
		}
		if err != nil {
			return fmt.Errorf("read pointer of %s: %w", p.Name(), err)
		}
		next.names = append(next.names, generationName(p.Name(), number))
		next.schemas = append(next.schemas, ddl.Schema(p.Name(), number))
	}
	before := r.current.Load()
	if before != nil && slices.Equal(before.names, next.names) {
		return nil
	}
	var err error
	next.Pool, err = pg.Open(ctx, pg.Config{
		URL: r.config.DatabaseURL, SearchPath: append(next.schemas, migrations.Engine),
		Name: "reader", MaxConns: r.config.MaxConns, ReadOnly: true,
	})
	if err != nil {
		return fmt.Errorf("open tables of %v: %w", next.names, err)
	}
	if before != nil {
		r.awaitPassed(ctx, before, next)
	}
	r.hold(next)
	r.current.Store(next)
	if before != nil {
		r.closing.Go(func() {
			before.Close() // returns after its last transaction
			r.release(before)
		})
	}
	return nil
}

// passWithin bounds the wait for the generations that are read next.
const passWithin = 2 * time.Second

// awaitPassed waits until the next generations are where those are that were read until now: who has seen a change must
// not lose it again because this process reads other tables. Both are followed meanwhile; what is committed between this
// look and the swap shows a moment later.
func (r *Readers) awaitPassed(ctx context.Context, before, next *readerPool) {
	ctx, cancel := context.WithTimeout(ctx, passWithin)
	defer cancel()
	for behind := true; behind; {
		err := r.config.Pool.QueryRow(ctx, `
			select exists (
				select from checkpoints o join checkpoints n using (projection, partition)
				where o.projection || '.g' || o.generation = any($1) and n.projection || '.g' || n.generation = any($2)
				  and n.next_offset < o.next_offset and n.state = 'live' and o.state = 'live')`, before.names, next.names).Scan(&behind)
		if err != nil {
			return // the new tables were verified: to read them late is worse than to read them early
		}
		if behind && pause(ctx, heldLook) != nil {
			return
		}
	}
}

func (r *Readers) hold(p *readerPool) {
	r.heldMu.Lock()
	defer r.heldMu.Unlock()
	r.held[p] = true
}

func (r *Readers) release(p *readerPool) {
	r.heldMu.Lock()
	defer r.heldMu.Unlock()
	delete(r.held, p)
}

// Reads returns the generations that this process reads, as projection.g<number>; those of pools that are not closed
// yet are among them.
func (r *Readers) Reads() []string {
	r.heldMu.Lock()
	defer r.heldMu.Unlock()
	var names []string
	for p := range r.held {
		names = append(names, p.names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Current returns the generations that new statements read, as projection.g<number>.
func (r *Readers) Current() []string { return r.current.Load().names }

// Complete tells whether every projection has a generation that can be read.
func (r *Readers) Complete() bool { return r.current.Load().complete }

// Close closes all pools after their last transactions.
func (r *Readers) Close() {
	r.current.Load().Close()
	r.closing.Wait()
}

// Query implements [pg.Reader].
func (r *Readers) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	for {
		pool := r.current.Load()
		rows, err := pool.Query(ctx, sql, args...)
		if !r.swapped(pool, err) {
			return rows, err //nolint:wrapcheck // stands for the pool
		}
	}
}

// QueryRow implements [pg.Reader].
func (r *Readers) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return row{func(into []any) error {
		for {
			pool := r.current.Load()
			err := pool.QueryRow(ctx, sql, args...).Scan(into...)
			if !r.swapped(pool, err) {
				return err
			}
		}
	}}
}

// row is a query of one row that runs when it is scanned.
type row struct{ scan func(into []any) error }

// Scan implements [pgx.Row].
func (r row) Scan(into ...any) error { return r.scan(into) }

// BeginTx implements [pg.Beginner].
func (r *Readers) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	for {
		pool := r.current.Load()
		tx, err := pool.BeginTx(ctx, options)
		if !r.swapped(pool, err) {
			return tx, err //nolint:wrapcheck // stands for the pool
		}
	}
}

// Ping asks the server.
func (r *Readers) Ping(ctx context.Context) error {
	rows, err := r.Query(ctx, "")
	if err != nil {
		return err
	}
	rows.Close()      // gives the connection back
	return rows.Err() //nolint:wrapcheck // stands for the pool
}

// Stat are the statistics of the pool that is read from now.
func (r *Readers) Stat() *pgxpool.Stat { return r.current.Load().Stat() }

// swapped tells whether a pool was closed between its choice and its use.
func (r *Readers) swapped(pool *readerPool, err error) bool {
	return errors.Is(err, puddle.ErrClosedPool) && r.current.Load() != pool
}
