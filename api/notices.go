package api

import (
	"context"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/stream"
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

// getNotices streams the caller's own notices as Server-Sent Events. The caller is proven by a token
// or by ?ticket=.
func (s *Server) getNotices(w http.ResponseWriter, r *http.Request) error {
	p, err := s.streamPrincipal(w, r)
	if err != nil {
		return err
	}
	listener, err := s.noticeListener(r.Context(), p)
	if err != nil {
		return err
	}
	return s.deps.Streams.ServeNotices(w, r, listener)
}

// streamPrincipal proves the caller of a stream, whose opening counts as a request.
func (s *Server) streamPrincipal(w http.ResponseWriter, r *http.Request) (Principal, error) {
	p, err := s.ticketPrincipal(r)
	if err != nil {
		return Principal{}, err
	}
	recordUser(r.Context(), p.UserID)
	return p, s.limits.take(w.Header(), p)
}

func (s *Server) ticketPrincipal(r *http.Request) (Principal, error) {
	ticket := r.URL.Query().Get(paramTicket.Name)
	if ticket == "" {
		return s.principal(r)
	}
	p, err := s.deps.Tickets.Redeem(r.Context(), ticket)
	if err != nil {
		return Principal{}, err
	}
	return p.canonical()
}

// noticeListener is the listener that a caller may be: itself, at its agency.
func (s *Server) noticeListener(ctx context.Context, p Principal) (stream.Listener, error) {
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return stream.Listener{}, errWrongRole
	}
	if err := s.deps.Streams.Ready(); err != nil {
		return stream.Listener{}, err
	}
	parent, err := s.parentOf(ctx, p)
	if err != nil {
		return stream.Listener{}, err
	}
	return stream.Listener{
		ParentAccount: parent, UserID: p.UserID, ExpiresAt: p.ExpiresAt,
		Access: func(ctx context.Context) ([]string, error) { return nil, s.deps.MayListen(ctx, p.UserID, p.AccountID) },
	}, nil
}

// socketListener proves the caller of a Socket.IO connection: by the token of its auth payload,
// else as any other request (Bearer header, or a middleware of the main application).
func (s *Server) socketListener(r *http.Request, token string) (stream.Listener, error) {
	if token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	p, err := s.principal(r)
	if err != nil {
		return stream.Listener{}, err
	}
	return s.noticeListener(r.Context(), p)
}
