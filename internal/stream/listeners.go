package stream

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const maxPerUser = 64 // streams of one user, of each source

var (
	errTooManyNotices = domain.NewError(domain.CodeRateLimited, "Too many connections listen for this user. Close some first.")
	errTooManyFigures = domain.NewError(domain.CodeRateLimited, "Too many live streams are open for this user. Close some first.")
)

// Listener is a verified caller. It hears the notices of UserID at ParentAccount, or the figures that it may
// see there, and nothing else.
type Listener struct {
	ParentAccount string
	UserID        string
	AccountID     string    // that its token claims
	ExpiresAt     time.Time // its stream is cut then; zero: never
	// Ticket names the ticket that it came with; its newest stream ends the one before. "": it came with a token.
	Ticket string

	// Access says whose figures it may see now: sub-accounts by id, nil for all of the agency. An error of
	// which [domain.AccessRefused] is true cuts the stream, any other is taken for a passing fault. Nil: it may
	// see all of the agency until its token expires.
	Access func(context.Context) ([]string, error)
}

func (l Listener) access(ctx context.Context) ([]string, error) {
	if l.Access == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return l.Access(ctx)
}

// key is a user at an agency: what limits and cursors are counted by.
type key struct{ parent, user string }

func (l Listener) key() key { return key{l.ParentAccount, l.UserID} }

type registry struct {
	done    <-chan struct{} // closed when the hub ends
	tooMany *domain.Error

	mu       sync.Mutex
	agencies map[string]map[*place]struct{}
	users    map[key]int       // streams
	tickets  map[string]*place // the newest stream of each
	count    int
}

// place is one stream in a registry.
type place struct {
	who      Listener
	wake     chan struct{} // capacity 1: there may be something to tell
	replaced chan struct{} // closed by the next stream of its ticket
}

func newRegistry(h *Hub, tooMany *domain.Error) *registry {
	return &registry{done: h.done, tooMany: tooMany, agencies: map[string]map[*place]struct{}{}, users: map[key]int{}, tickets: map[string]*place{}}
}

// add registers a stream; whoever adds it removes it. Errors: unavailable when the hub has ended, rate_limited
// beyond the limit per user.
func (r *registry) add(who Listener) (*place, error) {
	select {
	case <-r.done:
		return nil, ErrClosed
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.tickets[who.Ticket]
	if before == nil && r.users[who.key()] >= maxPerUser { // one that is replaced makes room
		return nil, r.tooMany
	}
	places := r.agencies[who.ParentAccount]
	if places == nil {
		places = map[*place]struct{}{}
		r.agencies[who.ParentAccount] = places
	}
	p := &place{who: who, wake: make(chan struct{}, 1), replaced: make(chan struct{})}
	if before != nil {
		close(before.replaced)
	}
	if who.Ticket != "" {
		r.tickets[who.Ticket] = p
	}
	places[p] = struct{}{}
	r.users[who.key()]++
	r.count++
	return p, nil
}

func (r *registry) remove(p *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.agencies[p.who.ParentAccount], p)
	if r.tickets[p.who.Ticket] == p {
		delete(r.tickets, p.who.Ticket)
	}
	if len(r.agencies[p.who.ParentAccount]) == 0 {
		delete(r.agencies, p.who.ParentAccount)
	}
	if r.users[p.who.key()]--; r.users[p.who.key()] == 0 {
		delete(r.users, p.who.key())
	}
	r.count--
}

func (r *registry) wake(concerned func(Listener) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, places := range r.agencies {
		for p := range places {
			if concerned(p.who) {
				kick(p.wake)
			}
		}
	}
}

func (r *registry) parents() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.agencies))
}

func (r *registry) has(parent string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.agencies[parent]) > 0
}

func (r *registry) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}
