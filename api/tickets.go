package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ticketLife is how long a ticket for an EventSource may wait to be used.
const ticketLife = 60 * time.Second

// ticketBody is a ticket that stands for the caller's token once.
type ticketBody struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// postTicket gives a ticket that stands for the caller's token in the address of one EventSource,
// which cannot send headers; a token there would end up in logs.
func (s *Server) postTicket(w http.ResponseWriter, r *http.Request) error {
	p, _ := PrincipalFrom(r.Context())
	ticket, err := s.deps.Tickets.Issue(r.Context(), p, ticketLife)
	if err != nil {
		return err
	}
	return s.writeData(w, ticketBody{Ticket: ticket, ExpiresIn: int(ticketLife / time.Second)}, nil)
}

// TicketStore keeps one-time tickets. The one in memory serves a single process; several behind one
// address need a store that they share, or requests that stick to a process.
type TicketStore interface {
	// Issue returns a new ticket that stands for p during life.
	Issue(ctx context.Context, p Principal, life time.Duration) (string, error)
	// Redeem uses a ticket up. A ticket that is unknown, used or too old gives an unauthenticated error.
	Redeem(ctx context.Context, ticket string) (Principal, error)
}

// maxTickets bounds the memory that callers can take by asking for tickets and not using them.
const maxTickets = 100_000

// MemoryTickets is a [TicketStore] in memory. It keeps hashes, so that a dump of it opens nothing.
type MemoryTickets struct {
	now func() time.Time

	mu      sync.Mutex
	pending map[[sha256.Size]byte]pendingTicket
	swept   time.Time
}

type pendingTicket struct {
	principal Principal
	until     time.Time
}

// NewMemoryTickets returns an empty store; now is usually time.Now.
func NewMemoryTickets(now func() time.Time) *MemoryTickets {
	return &MemoryTickets{now: now, pending: map[[sha256.Size]byte]pendingTicket{}}
}

// Issue implements [TicketStore].
func (t *MemoryTickets) Issue(_ context.Context, p Principal, life time.Duration) (string, error) {
	ticket := rand.Text()
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.swept) >= time.Second {
		t.swept = now
		for key, pending := range t.pending {
			if !now.Before(pending.until) {
				delete(t.pending, key)
			}
		}
	}
	if len(t.pending) >= maxTickets {
		return "", domain.NewError(domain.CodeRateLimited, "Too many tickets wait to be used. Try again in a minute.")
	}
	t.pending[sha256.Sum256([]byte(ticket))] = pendingTicket{principal: p, until: now.Add(life)}
	return ticket, nil
}

// Redeem implements [TicketStore].
func (t *MemoryTickets) Redeem(_ context.Context, ticket string) (Principal, error) {
	key := sha256.Sum256([]byte(ticket))
	t.mu.Lock()
	pending, known := t.pending[key]
	delete(t.pending, key)
	t.mu.Unlock()
	if !known || !t.now().Before(pending.until) {
		return Principal{}, unauthenticated("The ticket is unknown, used or older than a minute. Get a new one from POST /api/notices/ticket.")
	}
	return pending.principal, nil
}
