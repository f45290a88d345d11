package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	tellEvery = time.Second // the shortest time between two events of a stream
	maxSteps  = 600         // steps that a stream may be behind and still be told exactly what it has missed
)

// figures is the source of changed figures: one list of steps, in which each stream has a place.
type figures struct {
	process   string // names this process in the ids of events
	listeners *registry
	kick      chan struct{} // capacity 1: something is pending

	mu      sync.Mutex
	pending domain.FigureChanges
	all     bool            // pending: anything may have changed
	access  map[string]bool // pending: agencies where access may be another
	steps   []step
	last    int64 // number of the newest step
}

// step is what was told at once.
type step struct {
	number  int64
	all     bool
	changes map[string][]domain.FigureChange // by agency
}

func newFigures(h *Hub) *figures {
	return &figures{
		process: rand.Text(), listeners: newRegistry(h, errTooManyFigures), kick: make(chan struct{}, 1),
		access: map[string]bool{},
	}
}

// Hear takes what a projection told: a JSON list of [domain.FigureChange]. Anything else is taken for
// "anything may have changed". It does not block.
func (h *Hub) Hear(payload string) {
	var changes []domain.FigureChange
	unknown := json.Unmarshal([]byte(payload), &changes) != nil
	f := h.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = f.all || unknown
	for _, c := range changes {
		f.pending.Add(c)
	}
	kick(f.kick)
}

// accessMoved says that the agency's dashboards have changed: who may see which figures is found out anew.
func (f *figures) accessMoved(parent string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.access[parent] = true
	kick(f.kick)
}

// run tells what is pending until ctx ends.
func (f *figures) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.kick:
		}
		f.step()
		select {
		case <-ctx.Done():
			return
		case <-time.After(tellEvery):
		}
	}
}

// step makes a step of what is pending and wakes those whom it concerns.
func (f *figures) step() {
	f.mu.Lock()
	f.last++
	made, access := step{number: f.last, all: f.all, changes: map[string][]domain.FigureChange{}}, f.access
	for _, c := range f.pending.List() {
		made.changes[c.ParentAccount] = append(made.changes[c.ParentAccount], c)
	}
	f.pending, f.all, f.access = domain.FigureChanges{}, false, map[string]bool{}
	f.steps = append(f.steps, made)
	f.steps = f.steps[max(0, len(f.steps)-maxSteps):]
	f.mu.Unlock()
	f.listeners.wake(func(l Listener) bool {
		return made.all || access[l.ParentAccount] || made.changes[l.ParentAccount] != nil
	})
}

// newest is the place of a stream that begins now.
func (f *figures) newest() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// since is what an agency's listeners are to be told after a step. Where the list does not reach back
// so far, anything may have changed.
func (f *figures) since(parent string, told int64) news {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := news{upTo: f.last}
	if told < f.last && (len(f.steps) == 0 || f.steps[0].number > told+1) {
		n.all = true
		return n
	}
	for _, s := range f.steps {
		if s.number > told {
			n.all = n.all || s.all
			n.changes = append(n.changes, s.changes[parent]...)
		}
	}
	return n
}
