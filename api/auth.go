package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// principal returns the verified caller of r, who has rights now: the one that an outer middleware left in the context,
// else the one that the authenticator finds.
func (s *Server) principal(r *http.Request) (Principal, error) {
	p, ok := PrincipalFrom(r.Context())
	if ok {
		return s.admitted(r.Context(), p)
	}
	p, err := s.deps.Authenticator.Authenticate(r)
	if err != nil {
		return Principal{}, s.authenticationError(err)
	}
	return s.admitted(r.Context(), p)
}

// admitted returns a verified caller as the rest of this package knows it, if it has rights now.
func (s *Server) admitted(ctx context.Context, p Principal) (Principal, error) {
	p, err := p.Canonical()
	if err != nil {
		return Principal{}, err
	}
	return p, s.doorkeeper.admit(ctx, p)
}

// authenticationError takes an ordinary error of an authenticator for "nobody is signed in": a main application's own
// errors are not this service's faults. Those that say what they are stay: [domain.Error], what passes by itself.
func (s *Server) authenticationError(err error) error {
	_, known := errors.AsType[*domain.Error](err)
	if known || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || s.deps.Passes(err) {
		return err
	}
	return fmt.Errorf("%w (%w)", errNotSignedIn, err)
}

var errNotSignedIn = unauthenticated("You are not signed in, or your sign-in cannot be used here. Sign in again.")

// authorise wraps an endpoint with the roles of its route; nil roles mean a public route.
func (s *Server) authorise(roles []Role, next endpointFunc) endpointFunc {
	if roles == nil {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.principal(r)
		recordUser(r.Context(), p.UserID) // also of one who is refused
		if err != nil {
			return err
		}
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

// parentOf returns the agency that a caller belongs to. Of a client user only the directory knows it.
func (s *Server) parentOf(ctx context.Context, p Principal) (string, error) {
	if p.Roles.Has(RoleAgency, RoleAuditor) {
		return p.AccountID, nil
	}
	return s.deps.Accounts.ParentAccount(ctx, p.AccountID)
}

// streamPrincipal proves the caller of the stream of a route, whose opening counts as a request, and names the ticket
// that it came with; "": it came with a token.
func (s *Server) streamPrincipal(w http.ResponseWriter, r *http.Request, pattern string) (p Principal, ticketID string, err error) {
	if text := r.URL.Query().Get(paramTicket.Name); text != "" {
		var t ticket
		if t, err = s.tickets.open(text, pattern, r, s.deps.Now()); err != nil {
			return Principal{}, "", err
		}
		ticketID = t.ID
		p, err = s.admitted(r.Context(), t.principal())
	} else {
		p, err = s.principal(r)
	}
	recordUser(r.Context(), p.UserID) // also of one who is refused
	if err != nil {
		return Principal{}, "", err
	}
	return p, ticketID, s.limits.take(w.Header(), p)
}

// reconnecting wraps a stream, so that its client comes back by itself where that can help: an EventSource gives up for
// good after any status but 200. Other answers say that repeating the request changes nothing.
func (s *Server) reconnecting(next endpointFunc) endpointFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		if err == nil {
			return nil
		}
		if status := statusOf(publicError(err).Code); status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			return err
		}
		public := s.told(r, err)
		stream.Later(w, time.Duration(public.RetryAfter)*time.Second, public.Message)
		return nil
	}
}
