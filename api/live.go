package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/internal/live"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// LiveDeps is what /api/live stands on.
type LiveDeps struct {
	Hub *live.Hub
	// Allowed tells whether a user may still listen: an error with the code unauthenticated, forbidden or
	// not_found when not. Nil: what the token says holds until it expires.
	Allowed func(ctx context.Context, user, account string) error
}

// getLive streams which figures of the caller's accounts changed. The caller is proven by a token or by
// ?ticket=; ?account= narrows as it does elsewhere.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request, params *Params) error {
	p, err := s.streamPrincipal(w, r)
	if err != nil {
		return err
	}
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return errWrongRole
	}
	narrow := params.Account(paramAccount)
	if err := params.Err(); err != nil {
		return err
	}
	parent, err := s.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	return s.deps.Live.Hub.ServeSSE(w, r, live.Listener{
		ParentAccount: parent, UserID: p.UserID, ExpiresAt: p.ExpiresAt,
		Accounts: func(ctx context.Context) ([]string, error) { return s.liveAccounts(ctx, p, narrow) },
	})
}

// liveAccounts are the accounts that a listener may see now; nil: all of its agency.
func (s *Server) liveAccounts(ctx context.Context, p Principal, narrow readmodels.AccountRef) ([]string, error) {
	if err := s.deps.Ready(); err != nil {
		return nil, err
	}
	if s.deps.Live.Allowed != nil {
		if err := s.deps.Live.Allowed(ctx, p.UserID, p.AccountID); err != nil {
			return nil, err
		}
	}
	scope, err := s.scope(WithPrincipal(ctx, p), narrow)
	return scope.Accounts, err
}
