package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// principal returns the verified caller of r: the one that an outer middleware left in the context,
// else the one that the authenticator finds.
func (s *Server) principal(r *http.Request) (Principal, error) {
	p, ok := PrincipalFrom(r.Context())
	if !ok {
		var err error
		if p, err = s.deps.Authenticator.Authenticate(r); err != nil {
			return Principal{}, err
		}
	}
	return p.canonical()
}

// authorise wraps an endpoint with the roles of its route; nil roles mean a public route.
func (s *Server) authorise(roles []Role, next endpointFunc) endpointFunc {
	if roles == nil {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.principal(r)
		if err != nil {
			return err
		}
		recordUser(r.Context(), p.UserID)
		if err := s.limits.take(w.Header(), p); err != nil {
			return err
		}
		if !p.Roles.Has(roles...) {
			return errWrongRole
		}
		return next(w, r.WithContext(WithPrincipal(r.Context(), p)))
	}
}

var errWrongRole = domain.NewError(domain.CodeForbidden,
	"Your role does not allow this. Sign in with an account that has the right, or ask your agency.")

// parentOf returns the agency that a caller belongs to.
func (s *Server) parentOf(ctx context.Context, p Principal) (string, error) {
	if parent, ok := p.ParentID(); ok {
		return parent, nil
	}
	return s.deps.Accounts.ParentAccount(ctx, p.AccountID)
}

// bearer takes the token out of the Authorization header.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", unauthenticated("There is no token. Send the header Authorization: Bearer <token>.")
	case len(values) > 1:
		return "", unauthenticated("There is more than one Authorization header. Send one: Bearer <token>.")
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t") {
		return "", unauthenticated("The Authorization header does not read 'Bearer <token>'. Send it in that form.")
	}
	return token, nil
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
