package stream

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
)

const maxPerUser = 64 // streams per user and source

var (
	errTooManyNotices = domain.NewError(domain.CodeRateLimited,
		"Too many connections listen for this user. Close some first.")
	errTooManyFigures = domain.NewError(domain.CodeRateLimited,
		"Too many live streams are open for this user. Close some first.")
)

// Listener is a verified caller. It gets only the notices of UserID in the agency ParentAccount, or
// changes of the figures that it may see in that agency.
type Listener struct {
	ParentAccount string
	UserID        string
	AccountID     string    // account that the token claims
	ExpiresAt     time.Time // when the stream is closed; zero: never
	// Ticket is the ticket of the request; a newer stream with the same ticket replaces this one.
	// It is empty if the request has a token.
	Ticket string

	// Access returns the ids of the sub-accounts whose figures the listener may see now; nil means
	// all of the agency. If [domain.AccessRefused] is true for its error, the stream is closed;
	// other errors are temporary. If Access is nil, the listener may see the whole agency until its
	// token expires.
	Access func(context.Context) ([]string, error)

	// Hijacked is called, before the handler returns, if a stream of events takes over its connection.
	// If it is nil, no stream does: other handlers in front of this one may change what is written.
	Hijacked func(*Hijacked)
}

func (l Listener) access(ctx context.Context) ([]string, error) {
	if l.Access == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return l.Access(ctx)
}

// key identifies a user in an agency, for limits and cursors.
type key struct{ parent, user string }

func (l Listener) key() key { return key{l.ParentAccount, l.UserID} }

// registry contains the open streams of one source.
type registry struct {
	done     <-chan struct{} // closed when the hub stops
	limitErr *domain.Error

	mu       sync.Mutex
	agencies map[string]map[*place]struct{}
	users    map[key]int       // number of streams
	tickets  map[string]*place // the newest stream of each ticket
	count    int
}

// place is an open stream in a registry.
type place struct {
	listener Listener
	wake     chan struct{} // capacity 1: there may be something to send
	replaced chan struct{} // closed by the next stream with the same ticket
	cause    atomic.Pointer[trace.SpanContext]
	batches  []batch // of figures; guarded by the registry
}

// traced returns ctx in the trace that woke the stream, if there is one.
func (p *place) traced(ctx context.Context) context.Context {
	if cause := p.cause.Swap(nil); cause != nil {
		return trace.ContextWithRemoteSpanContext(ctx, *cause)
	}
	return ctx
}

func newRegistry(h *Hub, tooMany *domain.Error) *registry {
	return &registry{
		done: h.done, limitErr: tooMany,
		agencies: map[string]map[*place]struct{}{}, users: map[key]int{}, tickets: map[string]*place{},
	}
}

// add registers a stream; the caller must remove it.
func (r *registry) add(listener Listener) (*place, error) {
	select {
	case <-r.done:
		return nil, ErrClosed
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.tickets[listener.Ticket]
	if before == nil && r.users[listener.key()] >= maxPerUser { // a replaced stream does not count
		return nil, r.limitErr
	}
	places := r.agencies[listener.ParentAccount]
	if places == nil {
		places = map[*place]struct{}{}
		r.agencies[listener.ParentAccount] = places
	}
	p := &place{listener: listener, wake: make(chan struct{}, 1), replaced: make(chan struct{})}
	if before != nil {
		close(before.replaced)
	}
	if listener.Ticket != "" {
		r.tickets[listener.Ticket] = p
	}
	places[p] = struct{}{}
	r.users[listener.key()]++
	r.count++
	return p, nil
}

func (r *registry) remove(p *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.agencies[p.listener.ParentAccount], p)
	if r.tickets[p.listener.Ticket] == p {
		delete(r.tickets, p.listener.Ticket)
	}
	if len(r.agencies[p.listener.ParentAccount]) == 0 {
		delete(r.agencies, p.listener.ParentAccount)
	}
	if r.users[p.listener.key()]--; r.users[p.listener.key()] == 0 {
		delete(r.users, p.listener.key())
	}
	r.count--
}

// wake calls prepare for each stream of an agency and wakes it.
func (r *registry) wake(parent string, prepare func(*place)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.agencies[parent] {
		prepare(p)
		kick(p.wake)
	}
}

// take returns the pending batches of a stream of figures.
func (r *registry) take(p *place) []batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := p.batches
	p.batches = nil
	return taken
}

// parents returns the agencies with streams, sorted.
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
