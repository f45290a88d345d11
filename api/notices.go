package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// getNotices streams the caller's own notices as Server-Sent Events. The caller is proven by a token
// or by ?ticket=.
func (s *Server) getNotices(w http.ResponseWriter, r *http.Request) error {
	p, ticketID, err := s.streamPrincipal(w, r, patternNotices)
	if err != nil {
		return err
	}
	listener, err := s.noticeListener(r.Context(), p)
	if err != nil {
		return err
	}
	listener.Ticket = ticketID
	return s.deps.Streams.ServeNotices(w, r, listener)
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
		ParentAccount: parent, UserID: p.UserID, AccountID: p.AccountID, ExpiresAt: s.believedUntil(p),
		Access: func(ctx context.Context) ([]string, error) { return nil, s.doorkeeper.admit(ctx, p) },
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
	if err := s.limits.take(http.Header{}, p); err != nil {
		return stream.Listener{}, err
	}
	return s.noticeListener(r.Context(), p)
}

// serveSocketIO serves a request of Socket.IO. Each poll and upgrade of a connection counts as a request of its user, as its
// opening does; before it is opened nobody knows whose it is, and it is cut when that takes too long.
func (s *Server) serveSocketIO(w http.ResponseWriter, r *http.Request) error {
	if who, known := s.socketIO.Listener(r); known {
		if err := s.limits.take(w.Header(), Principal{UserID: who.UserID, AccountID: who.AccountID}); err != nil {
			return err
		}
	}
	s.socketIO.ServeHTTP(w, r)
	return nil
}

// getLive streams which figures of the caller's accounts changed. The caller is proven by a token or by
// ?ticket=; ?account= and ?dashboard= narrow as they do elsewhere.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request, params *Params) error {
	p, ticketID, err := s.streamPrincipal(w, r, patternLive)
	if err != nil {
		return err
	}
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return errWrongRole
	}
	narrow := params.narrowing()
	if err := params.Err(); err != nil {
		return err
	}
	parent, err := s.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	return s.deps.Streams.ServeFigures(w, r, stream.Listener{
		ParentAccount: parent, UserID: p.UserID, ExpiresAt: s.believedUntil(p), Ticket: ticketID,
		Access: func(ctx context.Context) ([]string, error) { return s.liveAccounts(ctx, p, narrow) },
	})
}

// liveAccounts are the accounts that a listener may see now; nil: all of its agency.
func (s *Server) liveAccounts(ctx context.Context, p Principal, narrow readmodels.Narrowing) ([]string, error) {
	if err := s.deps.Ready(); err != nil {
		return nil, err
	}
	if err := s.doorkeeper.admit(ctx, p); err != nil {
		return nil, err
	}
	scope, err := s.scope(WithPrincipal(ctx, p), narrow)
	return scope.Accounts, err
}
