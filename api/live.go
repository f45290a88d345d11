package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

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
