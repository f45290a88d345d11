package notices

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Hub brings notices to the connections of this process. A connection gets a notice only because its
// own cursor is below it; wake-ups are hints that make it look sooner.
type Hub struct {
	store Store
	cfg   Config
	kick  chan struct{} // capacity 1: something changed, look again

	mu       sync.Mutex
	agencies map[string]*agency
	behind   map[*Subscription]struct{}      // connections that need a look of their own
	leaving  map[*Subscription]*domain.Error // to be cut once they were offered what they are owed
	cursors  map[listener]int64              // stored cursors that wait to be saved
	soon     time.Time                       // something asks for a look before the next sweep; zero: nothing
	count    int
	closed   bool
}

type listener struct{ parent, user string }

// agency is what the hub knows about one parent account while anybody listens there.
type agency struct {
	// scanned: all notices up to here were offered to every connection that is not behind.
	scanned Span
	users   map[string]map[*Subscription]struct{}

	// After a wake-up the agency is looked at again and again, ever slower, because the hint may come
	// before the record is folded. A zero next means that no wake-up is open.
	next    time.Time
	backoff time.Duration
}

// New returns a hub; [Hub.Run] makes it work.
func New(store Store, cfg Config) (*Hub, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Hub{
		store: store, cfg: cfg, kick: make(chan struct{}, 1),
		agencies: map[string]*agency{}, behind: map[*Subscription]struct{}{},
		leaving: map[*Subscription]*domain.Error{}, cursors: map[listener]int64{},
	}, nil
}

// Ready reports whether the read model has caught up; before, [Hub.Subscribe] is refused.
func (h *Hub) Ready() bool { return h.cfg.Ready() }

// Connections is the number of open subscriptions, for a gauge.
func (h *Hub) Connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Subscription is one connection's place in the stream of its user's notices.
type Subscription struct {
	// Start is the version the stream began after. A connection tells it to its client at once, so that
	// a client that is cut before its first notice has a cursor too.
	Start int64

	who    Subscriber
	hub    *Hub
	out    chan Notice
	expiry *time.Timer

	// Guarded by hub.mu.
	cursor    int64 // the last version put into out
	fullSince time.Time
	gone      bool
	reason    *domain.Error
}

// Notices gives the notices in order; it is closed when the subscription ends.
func (s *Subscription) Notices() <-chan Notice { return s.out }

// Reason says why Notices was closed; nil after [Subscription.Close].
func (s *Subscription) Reason() error {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.reason == nil {
		return nil
	}
	return s.reason
}

// Close ends the subscription; it may be called more than once.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.remove(s, nil)
}

// Subscribe registers a connection whose stream begins after the version `after`. Errors: unavailable
// while the read model is not ready or the store fails, rate_limited beyond the limit per user.
func (h *Hub) Subscribe(ctx context.Context, who Subscriber, after int64) (*Subscription, error) {
	if !h.Ready() {
		return nil, errNotReady
	}
	s := &Subscription{Start: after, cursor: after, who: who, hub: h, out: make(chan Notice, h.cfg.Buffer)}
	head := unknownHead
	for {
		known, err := h.add(s, head)
		if err != nil {
			return nil, err
		}
		if known {
			h.look()
			return s, nil
		}
		if head, err = h.Head(ctx, who.ParentAccount); err != nil {
			return nil, err
		}
	}
}

const unknownHead int64 = -1

// Head is the place at which a stream without a cursor begins.
func (h *Hub) Head(ctx context.Context, parent string) (int64, error) {
	if !h.Ready() {
		return 0, errNotReady
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	head, err := h.store.Head(ctx, parent)
	if err != nil {
		return 0, fmt.Errorf("read head of %s: %w", parent, err)
	}
	return head, nil
}

// add registers a subscription. An agency where nobody listened yet is scanned from its head on, never
// from the cursor of its first listener, who may claim any; without a known head add returns false.
func (h *Hub) add(s *Subscription, head int64) (known bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false, ErrClosed
	}
	parent := s.who.ParentAccount
	a, known := h.agencies[parent]
	if !known {
		if head == unknownHead {
			return false, nil
		}
		a = &agency{
			scanned: Span{ParentAccount: parent, AfterVersion: head, AfterUser: AllUsers},
			users:   map[string]map[*Subscription]struct{}{},
		}
		h.agencies[parent] = a
	}
	connections := a.users[s.who.UserID]
	if len(connections) >= h.cfg.MaxPerUser {
		return false, errTooMany
	}
	if connections == nil {
		connections = map[*Subscription]struct{}{}
		a.users[s.who.UserID] = connections
	}
	connections[s] = struct{}{}
	h.behind[s] = struct{}{}
	h.count++
	if !s.who.ExpiresAt.IsZero() {
		s.expiry = time.AfterFunc(s.who.ExpiresAt.Sub(h.cfg.Now()), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.remove(s, ErrExpired)
		})
	}
	return true, nil
}

// remove ends a subscription. Callers hold mu; all sends to s.out happen under it, so that closing is safe.
func (h *Hub) remove(s *Subscription, reason *domain.Error) {
	if s.gone {
		return
	}
	s.gone, s.reason = true, reason
	if s.expiry != nil {
		s.expiry.Stop()
	}
	close(s.out)
	delete(h.behind, s)
	delete(h.leaving, s)
	h.count--
	a := h.agencies[s.who.ParentAccount]
	delete(a.users[s.who.UserID], s)
	if len(a.users[s.who.UserID]) == 0 {
		delete(a.users, s.who.UserID)
	}
	if len(a.users) == 0 {
		delete(h.agencies, s.who.ParentAccount)
	}
}

// lookAt asks the sweeper to look at a time before its next sweep. Callers hold mu and run in the
// sweeper, or call look afterwards.
func (h *Hub) lookAt(at time.Time) {
	if h.soon.IsZero() || at.Before(h.soon) {
		h.soon = at
	}
}

// look asks the sweeper to look now.
func (h *Hub) look() {
	select {
	case h.kick <- struct{}{}:
	default: // it is asked already
	}
}
