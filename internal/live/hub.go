package live

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Hub keeps the changes that streams may still have to be told, and wakes those whom they concern.
type Hub struct {
	cfg     Config
	process string // names this process in the ids of events
	kick    chan struct{}

	mu       sync.Mutex
	pending  *set
	all      bool            // pending: anything may have changed
	access   map[string]bool // pending: agencies where access may be another; [anyAgency] for all
	steps    []step
	last     int64 // number of the newest step
	agencies map[string]map[*subscription]struct{}
	count    int

	done chan struct{} // closed when the hub ends
}

// step is what was told at once.
type step struct {
	number  int64
	all     bool
	changes map[string][]domain.FigureChange // by agency
}

// subscription is the place of one stream.
type subscription struct {
	who  Listener
	wake chan struct{} // capacity 1
	told int64         // number of the last step that it was told
}

// New returns a hub; [Hub.Run] makes it work.
func New(cfg Config) (*Hub, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Hub{
		cfg: cfg, process: rand.Text(), kick: make(chan struct{}, 1),
		pending: newSet(), access: map[string]bool{}, agencies: map[string]map[*subscription]struct{}{}, done: make(chan struct{}),
	}, nil
}

// Hear takes what a projection told: a JSON list of [domain.FigureChange]. Anything else is taken for
// "anything may have changed". It does not block.
func (h *Hub) Hear(payload string) {
	var changes []domain.FigureChange
	unknown := json.Unmarshal([]byte(payload), &changes) != nil
	h.mu.Lock()
	h.all = h.all || unknown
	for _, c := range changes {
		h.pending.add(c)
	}
	h.mu.Unlock()
	h.look()
}

// anyAgency stands for all of them.
const anyAgency = ""

// AccessMoved says that the dashboards of these agencies have changed, of any without a name: who may see
// which figures is found out anew. It does not block.
func (h *Hub) AccessMoved(parents ...string) {
	if len(parents) == 0 {
		parents = []string{anyAgency}
	}
	h.mu.Lock()
	for _, parent := range parents {
		h.access[parent] = true
	}
	h.mu.Unlock()
	h.look()
}

func (h *Hub) look() {
	select {
	case h.kick <- struct{}{}:
	default: // it is kicked already
	}
}

// Connections is the number of open streams, for a gauge.
func (h *Hub) Connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Run tells streams until ctx ends; then they are all cut. It returns nil.
func (h *Hub) Run(ctx context.Context) error {
	defer close(h.done)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.kick:
		}
		h.tell()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(h.cfg.Every):
		}
	}
}

// tell makes a step of what is pending and wakes those whom it concerns.
func (h *Hub) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	made := step{number: h.last, all: h.all, changes: map[string][]domain.FigureChange{}}
	for _, c := range h.pending.list {
		made.changes[c.ParentAccount] = append(made.changes[c.ParentAccount], c)
	}
	access := h.access
	h.pending, h.all, h.access = newSet(), false, map[string]bool{}
	h.steps = append(h.steps, made)
	if len(h.steps) > h.cfg.Retain {
		h.steps = h.steps[len(h.steps)-h.cfg.Retain:]
	}
	for parent, streams := range h.agencies {
		if _, concerned := made.changes[parent]; !concerned && !made.all && !access[parent] && !access[anyAgency] {
			continue
		}
		for s := range streams {
			s.wakeUp()
		}
	}
}

func (s *subscription) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// since is what an agency's listeners are to be told after a step. Where the list does not reach back
// so far, anything may have changed.
func (h *Hub) since(parent string, told int64) news {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := news{upTo: h.last}
	if told < h.last && (len(h.steps) == 0 || h.steps[0].number > told+1) {
		n.all = true
		return n
	}
	merged := newSet()
	for _, s := range h.steps {
		if s.number <= told {
			continue
		}
		n.all = n.all || s.all
		for _, c := range s.changes[parent] {
			merged.add(c)
		}
	}
	n.changes = merged.list
	return n
}

// subscribe registers a stream that begins now.
func (h *Hub) subscribe(who Listener) (*subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.done:
		return nil, ErrClosed
	default:
	}
	streams := h.agencies[who.ParentAccount]
	own := 0
	for s := range streams {
		if s.who.UserID == who.UserID {
			own++
		}
	}
	if own >= h.cfg.MaxPerUser {
		return nil, errTooMany
	}
	if streams == nil {
		streams = map[*subscription]struct{}{}
		h.agencies[who.ParentAccount] = streams
	}
	s := &subscription{who: who, wake: make(chan struct{}, 1), told: h.last}
	streams[s] = struct{}{}
	h.count++
	return s, nil
}

func (h *Hub) unsubscribe(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count--
	streams := h.agencies[s.who.ParentAccount]
	delete(streams, s)
	if len(streams) == 0 {
		delete(h.agencies, s.who.ParentAccount)
	}
}
