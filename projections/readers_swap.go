package projections

import (
	"context"
	"time"
)

const (
	// passWithin bounds the wait for the generations that are read next, swapWithin each wait of new statements meanwhile, and
	// drainWithin the part of it in which those under way come to their end.
	passWithin  = 2 * time.Second
	swapWithin  = 200 * time.Millisecond
	drainWithin = 25 * time.Millisecond
)

// swap lets new statements go to the next pool. Who has seen a change must not lose it again because this process reads
// other tables: it waits until those are as far as the old ones, first beside the traffic, and then, for the little that
// has come meanwhile, while no new statement begins. Who does not pass the old ones in time is read all the same: its tables were
// verified, and to read them late is worse than to read them early.
func (r *Readers) swap(ctx context.Context, before, next *readerPool) {
	for end := time.Now().Add(passWithin); ; {
		inTime := r.awaitPassed(ctx, before, next, time.Until(end))
		if r.gate(ctx, before, next, !inTime || time.Now().After(end)) {
			return
		}
	}
}

// gate holds new statements while it looks whether the next generations are where the old ones are, and lets them go to the next
// ones if so, or in any case when that is final.
func (r *Readers) gate(ctx context.Context, before, next *readerPool, final bool) bool {
	r.swapping.Lock()
	defer r.swapping.Unlock()
	// What is under way has chosen the old tables and may read them only now, when they are further than at the look below.
	for end := time.Now().Add(drainWithin); before.entering.Load() > 0 || before.Stat().AcquiredConns() > 0; {
		if time.Now().After(end) || pause(ctx, time.Millisecond) != nil {
			break
		}
	}
	if !r.awaitPassed(ctx, before, next, swapWithin-drainWithin) && !final {
		return false
	}
	r.current.Store(next)
	return true
}

// pool is where a new statement goes. It is counted until it has a connection.
func (r *Readers) pool(context.Context) (*readerPool, error) {
	r.swapping.RLock()
	defer r.swapping.RUnlock()
	pool := r.current.Load()
	pool.entering.Add(1)
	return pool, nil
}

// awaitPassed waits until the next generations are where those are that were read until now, and tells whether they are. Both are
// followed meanwhile.
func (r *Readers) awaitPassed(ctx context.Context, before, next *readerPool, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		var behind bool
		err := r.config.Pool.QueryRow(ctx, `
			select exists (
				select from checkpoints o join checkpoints n using (projection, partition)
				where o.projection || '.g' || o.generation = any($1) and n.projection || '.g' || n.generation = any($2)
				  and n.next_offset < o.next_offset and n.state = 'live' and o.state = 'live')`, before.names, next.names).Scan(&behind)
		if err != nil || behind && pause(ctx, passLook) != nil {
			return false
		}
		if !behind {
			return true
		}
	}
}

// passLook is the time between two looks: new statements may be waiting.
const passLook = 5 * time.Millisecond
