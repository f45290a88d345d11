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

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// ReadersConfig holds what Readers stand on.
type ReadersConfig struct {
	DatabaseURL string
	Pool        *pgxpool.Pool    // of schema lb_engine
	Projectors  []fold.Projector // whose tables are read, in the versions of this program
	MaxConns    int32
	Params      map[string]string // settings of the sessions that read, see [pg.Config]
	Logger      *slog.Logger
}

// Readers are the tables of the generations that the pointer names, read-only. Each set of generations has a pool of its own;
// when the pointer moves, new statements go to the new pool, and the old one is closed after its last transaction. What is
// read stands in table processes before it is read, so that it is neither retired nor dropped meanwhile: whoever reads is
// seen, also a command that only looks. They implement [pg.Reader].
type Readers struct {
	statements

	config  ReadersConfig
	present presence
	leave   func() // takes the row of table processes away
	current atomic.Pointer[readerPool]
	// swapping is held while the pools are exchanged: no new statement begins meanwhile.
	swapping   sync.RWMutex
	refreshing sync.Mutex // one refresh at a time
	closing    sync.WaitGroup

	heldMu sync.Mutex
	held   map[*readerPool]bool // every pool that is not closed yet
}

// readerPool is the pool of one set of generations.
type readerPool struct {
	*pgxpool.Pool
	names    []string // projection.g<number>
	schemas  []string
	complete bool // every projection has a generation

	entering atomic.Int32 // statements that have chosen it and have no connection yet
	left     atomic.Bool  // new statements go elsewhere
}

// Rhythms of the readers.
const (
	refreshEvery = 500 * time.Millisecond
	// refreshSoon is the rhythm until every projection has a generation.
	refreshSoon = 50 * time.Millisecond
)

// OpenReaders opens the tables that the pointer names now, and says to everybody that they are read; see [Readers.Run].
func OpenReaders(ctx context.Context, c ReadersConfig) (*Readers, error) {
	r := &Readers{config: c, held: map[*readerPool]bool{}}
	r.statements = statements{r.pool}
	r.present = newPresence(ProcessConfig{
		Pool: c.Pool, Release: "readers", Roles: []string{"reader"}, Folds: func() []string { return nil }, Reads: r.Reads, Logger: c.Logger,
	})
	if err := r.Refresh(ctx); err != nil {
		r.present.leave(ctx)
		return nil, err
	}
	r.leave = r.present.keep(context.WithoutCancel(ctx)) // until Close
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
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	before := r.current.Load()
	next, err := r.registered(ctx, before, r.pointed)
	if err != nil || next == before {
		return err
	}
	if err := r.connect(ctx, next, "reader", r.config.MaxConns); err != nil {
		return err
	}
	if before == nil {
		r.current.Store(next)
		return nil
	}
	r.swap(ctx, before, next)
	r.close(before)
	return nil
}

// pointed are the generations that the pointer names.
func (r *Readers) pointed(ctx context.Context) (*readerPool, error) {
	set := &readerPool{complete: true}
	for _, p := range r.config.Projectors {
		var number int
		err := r.config.Pool.QueryRow(ctx, readersGenerationSQL, p.Name(), p.Version(), false).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			set.complete = false
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read pointer of %s: %w", p.Name(), err)
		}
		set.names = append(set.names, generationName(p.Name(), number))
		set.schemas = append(set.schemas, ddl.Schema(p.Name(), number))
	}
	return set, nil
}

// registered returns a set of generations that everybody knows to be read by this process: the open one if it is that, else
// one that is to be connected. The set is looked up again once that is known: a generation that is in it then is neither
// retired nor dropped, because who does that has looked at the processes before, and has committed, or looks later and finds this one.
func (r *Readers) registered(
	ctx context.Context, open *readerPool, look func(context.Context) (*readerPool, error),
) (*readerPool, error) {
	for {
		set, err := look(ctx)
		if err != nil {
			return nil, err
		}
		if open != nil && slices.Equal(open.names, set.names) {
			return open, nil
		}
		r.hold(set)
		err = r.present.beat(ctx)
		var again *readerPool
		if err == nil {
			again, err = look(ctx)
		}
		if err == nil && slices.Equal(again.names, set.names) {
			return set, nil
		}
		r.release(set)
		if err != nil {
			return nil, err
		}
	}
}

// connect opens the pool of a set that is held.
func (r *Readers) connect(ctx context.Context, set *readerPool, name string, conns int32) (err error) {
	set.Pool, err = pg.Open(ctx, pg.Config{
		URL: r.config.DatabaseURL, SearchPath: append(slices.Clone(set.schemas), migrations.Engine), Name: name, MaxConns: conns, ReadOnly: true,
		Params: r.config.Params,
	})
	if err != nil {
		r.release(set)
		return fmt.Errorf("open tables of %v: %w", set.names, err)
	}
	return nil
}

// close closes a pool after its last transaction, and then no longer says that it is read.
func (r *Readers) close(p *readerPool) {
	p.left.Store(true)
	r.closing.Go(func() {
		p.Close()
		r.release(p)
	})
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
	r.leave()
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
