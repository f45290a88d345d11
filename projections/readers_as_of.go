package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/puddle/v2"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// stillPool is the pool of a set of still generations, and of those that readers use now for the rest.
type stillPool struct {
	*readerPool
	used time.Time
}

// stillPools are those that are open, by their time.
type stillPools struct {
	mu    sync.Mutex // of what follows; held for no look at the database
	open  map[time.Time]*stillPool
	ended bool
}

const (
	stillConns = 4 // questions about the past are few
	// stillIdle is how long nobody asks about a time until its pool is closed: while it is open, its generations are read,
	// and cannot be dropped.
	stillIdle = time.Minute
)

// AsOf returns the tables as of a time: of account and post insights the still generations of the events recorded up to
// then, of everything else those that readers use now. They are opened on demand, and closed when nobody asks for a while; a
// statement that comes then opens them again. Its error is conflict, and names the command that makes them, where there are none.
func (r *Readers) AsOf(ctx context.Context, at time.Time) (pg.Reader, error) {
	past := statements{func(ctx context.Context) (*readerPool, error) { return r.stillPool(ctx, at.UTC()) }}
	pool, err := past.choose(ctx)
	if err != nil {
		return nil, err
	}
	pool.entering.Add(-1)
	return past, nil
}

// stillPool returns the pool of a time for a statement, and opens it if need be.
func (r *Readers) stillPool(ctx context.Context, at time.Time) (*readerPool, error) {
	for {
		open := r.past.at(at)
		next, err := r.registered(ctx, open, func(ctx context.Context) (*readerPool, error) { return r.stillSet(ctx, at) })
		if err != nil {
			return nil, err
		}
		if next != open {
			if err := r.connect(ctx, next, "reader as of", stillConns); err != nil {
				return nil, err
			}
		}
		if pool, err := r.past.use(r, at, next); pool != nil || err != nil {
			return pool, err
		}
	}
}

// at is the pool of a time that is open; nil without one.
func (s *stillPools) at(at time.Time) *readerPool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open := s.open[at]; open != nil {
		return open.readerPool
	}
	return nil
}

// use counts a statement on a pool, and keeps it. Of two that were opened at once one is closed. It returns nil when the pool was
// closed meanwhile because nobody had asked for long.
func (s *stillPools) use(r *Readers, at time.Time, pool *readerPool) (*readerPool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		r.close(pool)
		return nil, puddle.ErrClosedPool
	}
	if pool.left.Load() {
		return nil, nil //nolint:nilnil // it is opened again
	}
	switch open := s.open[at]; {
	case open == nil || !slices.Equal(open.names, pool.names):
		s.close(r, at) // readers of the others have moved since
		if s.open == nil {
			s.open = map[time.Time]*stillPool{}
		}
		s.open[at] = &stillPool{readerPool: pool}
	case open.readerPool != pool:
		r.close(pool)
	}
	s.open[at].used = time.Now()
	s.open[at].entering.Add(1)
	return s.open[at].readerPool, nil
}

// stillSet finds the generations that answer as of a time.
func (r *Readers) stillSet(ctx context.Context, at time.Time) (*readerPool, error) {
	set, current := &readerPool{}, r.current.Load()
	var missing []string
	for _, p := range r.config.Projectors {
		if !fold.TravelsInTime(p) {
			for i, name := range current.names {
				if strings.HasPrefix(name, p.Name()+".g") {
					set.names, set.schemas = append(set.names, name), append(set.schemas, current.schemas[i])
				}
			}
			continue
		}
		var number int
		err := r.config.Pool.QueryRow(ctx, `
			select generation from generations where projection = $1 and version = $2 and state = 'still' and until = $3
			order by generation desc limit 1`, p.Name(), p.Version(), at).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			missing = append(missing, p.Name())
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for still generation of %s: %w", p.Name(), err)
		}
		set.names, set.schemas = append(set.names, generationName(p.Name(), number)), append(set.schemas, ddl.Schema(p.Name(), number))
	}
	if len(missing) > 0 {
		until := at.UTC().Format(time.RFC3339Nano)
		return nil, domain.NewError(domain.CodeConflict, "There are no tables as of %s. An operator makes them with: ledgerboard rebuild %s --until %s",
			until, strings.Join(missing, " "), until)
	}
	return set, nil
}

// close closes the pool of a time. The caller holds mu.
func (s *stillPools) close(r *Readers, at time.Time) {
	if open := s.open[at]; open != nil {
		delete(s.open, at)
		r.close(open.readerPool)
	}
}

// closeIdle closes the pools of times that nobody asked about for as long as idle.
func (s *stillPools) closeIdle(r *Readers, idle time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, open := range s.open {
		if time.Since(open.used) >= idle {
			s.close(r, at)
		}
	}
}

// end closes all of them, and opens none any more.
func (s *stillPools) end(r *Readers) {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.closeIdle(r, 0)
}
