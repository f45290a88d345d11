package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	minInterval = time.Second // minimum interval between two events of a stream
	maxSteps    = 600         // steps that a stream may be behind and still get exactly the missed changes
)

// figures is the source of changed figures: one list of steps, in which each stream has a position.
type figures struct {
	hub       *Hub
	store     Store
	process   string // identifies this process in event ids
	listeners *registry
	kick      chan struct{} // capacity 1: something is pending

	mu               sync.Mutex
	pending          domain.FigureChanges
	all              bool             // pending: anything may have changed
	access           map[string]bool  // pending: agencies whose access may have changed
	connectionEvents []ConnectionNews // pending
	steps            []step
	last             int64     // number of the newest step
	queriedAt        time.Time // the steps contain connection events up to this time
	// refusals already announced and their times, as far back as queries reach
	refused map[connectionKey]time.Time
}

type step struct {
	number           int64
	all              bool
	changes          map[string][]domain.FigureChange // by agency
	connectionEvents map[string][]ConnectionNews      // by agency
}

func newFigures(h *Hub, store Store) *figures {
	return &figures{
		hub: h, store: store, queriedAt: time.Now(), refused: map[connectionKey]time.Time{},
		process: rand.Text(), listeners: newRegistry(h, errTooManyFigures), kick: make(chan struct{}, 1),
		access: map[string]bool{},
	}
}

// Notify takes the payload of a projection's notification: a JSON list of [domain.FigureChange].
// Any other payload means that anything may have changed. Notify does not block.
func (h *Hub) Notify(payload string) {
	var changes []domain.FigureChange
	unknown := json.Unmarshal([]byte(payload), &changes) != nil
	f := h.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = f.all || unknown
	for _, c := range changes {
		if c.Connection != 0 {
			f.note(ConnectionNews{
				ParentAccount: c.ParentAccount, AccountID: c.AccountID, MemberID: c.MemberID,
				ConnectionID: c.Connection, Platform: c.Platform, At: c.At,
			})
			continue
		}
		f.pending.Add(c)
	}
	kick(f.kick)
}

func (f *figures) accessChanged(parent string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.access[parent] = true
	kick(f.kick)
}

func (f *figures) run(ctx context.Context) {
	look := time.NewTicker(connectionsEvery)
	defer look.Stop()
	for {
		changed := false
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-f.kick:
			changed = true
		}
		// Query even after a kick: the ids of events contain the time up to which connection events
		// are complete.
		found, upTo := f.readConnectionEvents(ctx)
		if !f.step(changed, found, upTo) {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(minInterval):
		}
	}
}

// step adds a step with the pending changes and the events that a query found, and wakes the
// listeners concerned; without changes or new events it adds none. The step number and the query
// time change together, so a stream that opens now gets the found events either with the step or by
// its own query.
func (f *figures) step(changed bool, found []ConnectionNews, queriedAt time.Time) (made bool) {
	f.mu.Lock()
	f.queriedAt = queriedAt
	for _, c := range found {
		f.note(c)
	}
	maps.DeleteFunc(f.refused, func(_ connectionKey, since time.Time) bool {
		return !since.After(queriedAt.Add(-maxRefusalDelay))
	})
	if !changed && len(f.connectionEvents) == 0 {
		f.mu.Unlock()
		return false
	}
	f.last++
	access := f.access
	next := step{
		number: f.last, all: f.all,
		changes: map[string][]domain.FigureChange{}, connectionEvents: map[string][]ConnectionNews{},
	}
	for _, c := range f.pending.List() {
		next.changes[c.ParentAccount] = append(next.changes[c.ParentAccount], c)
	}
	for _, c := range f.connectionEvents {
		next.connectionEvents[c.ParentAccount] = append(next.connectionEvents[c.ParentAccount], c)
	}
	f.connectionEvents = nil
	f.pending, f.all, f.access = domain.FigureChanges{}, false, map[string]bool{}
	f.steps = append(f.steps, next)
	f.steps = f.steps[max(0, len(f.steps)-maxSteps):]
	f.mu.Unlock()
	f.listeners.wake(nil, func(l Listener) bool {
		return next.all || access[l.ParentAccount] ||
			next.changes[l.ParentAccount] != nil || next.connectionEvents[l.ParentAccount] != nil
	})
	return true
}

// newest returns the position of a stream that starts now, and the time up to which connection
// events are complete.
func (f *figures) newest() (step int64, queriedAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.queriedAt
}

// since returns the changes of an agency after a step. If the list of steps does not reach back
// that far, anything may have changed.
func (f *figures) since(parent string, after int64) news {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := news{upTo: f.last, queriedAt: f.queriedAt}
	if after < f.last && (len(f.steps) == 0 || f.steps[0].number > after+1) {
		n.all = true
		return n
	}
	for _, s := range f.steps {
		if s.number > after {
			n.all = n.all || s.all
			n.changes = append(n.changes, s.changes[parent]...)
			n.connections = append(n.connections, s.connectionEvents[parent]...)
		}
	}
	return n
}
