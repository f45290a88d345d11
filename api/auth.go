package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// principal returns the verified caller of r, who has rights now: the one that an outer middleware left in the context,
// else the one that the authenticator finds.
func (k *doorkeeper) principal(r *http.Request) (Principal, error) {
	p, ok := PrincipalFrom(r.Context())
	if ok {
		return k.admitted(r.Context(), p)
	}
	p, err := k.authenticator.Authenticate(r)
	if err != nil {
		return Principal{}, k.authenticationError(err)
	}
	return k.admitted(r.Context(), p)
}

// admitted returns a verified caller as the rest of this package knows it, if it has rights now.
func (k *doorkeeper) admitted(ctx context.Context, p Principal) (Principal, error) {
	p, err := p.Canonical()
	if err != nil {
		return Principal{}, err
	}
	return p, k.admit(ctx, p)
}

// authenticationError takes an ordinary error of an authenticator for "nobody is signed in": a main application's own
// errors are not this service's faults. Those that say what they are stay: [domain.Error], what passes by itself.
func (k *doorkeeper) authenticationError(err error) error {
	_, known := errors.AsType[*domain.Error](err)
	if known || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || k.passes(err) {
		return err
	}
	return fmt.Errorf("%w (%w)", errNotSignedIn, err)
}

var errNotSignedIn = unauthenticated("You are not signed in, or your sign-in cannot be used here. Sign in again.")

// authorise wraps an endpoint with the roles of its route; nil roles mean a public route.
func (k *doorkeeper) authorise(roles []Role, next endpointFunc) endpointFunc {
	if roles == nil {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := k.principal(r)
		recordUser(r.Context(), p.UserID) // also of one who is refused
		if err != nil {
			return err
		}
		if err := k.limits.take(w.Header(), p); err != nil {
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
func (k *doorkeeper) parentOf(ctx context.Context, p Principal) (string, error) {
	if p.Roles.Has(RoleAgency, RoleAuditor) {
		return p.AccountID, nil
	}
	return k.accounts(ctx, p.AccountID)
}

// Principal is a verified caller. AccountID is the parent account for the roles agency and auditor,
// a sub-account for client, and empty for who is only an operator or a main application.
type Principal struct {
	UserID    string
	AccountID string
	Roles     Roles
	ExpiresAt time.Time // when the credentials end and streams are cut; zero: not known, streams are opened again every 5 minutes
}

// isPerson tells whether the directory must know the caller: one with a role besides those of auditors, operators and main
// applications.
func (p Principal) isPerson() bool {
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return r != RoleAuditor && r != RoleOperator && r != RoleMainApp })
}

// Authenticator finds out who is calling. An error says that the request carries no usable credentials: the answer is
// 401. A [domain.Error] is answered by its own code and text: unavailable (503) where the credentials cannot be judged
// now. Package bearer has the standalone one.
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

// AuthenticatorFunc makes an [Authenticator] of a function.
type AuthenticatorFunc func(r *http.Request) (Principal, error)

// Authenticate implements [Authenticator].
func (f AuthenticatorFunc) Authenticate(r *http.Request) (Principal, error) { return f(r) }

type principalKey struct{}

// WithPrincipal returns a context that carries a caller whom a main application's own middleware
// has verified; the api then asks no [Authenticator].
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the caller of the request that ctx belongs to.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Canonical lower-cases the ids, regardless of what verified them: two spellings of an agency would be two
// streams of the log. It refuses ids that cannot belong to the roles.
func (p Principal) Canonical() (Principal, error) {
	user, ok := domain.HexID(p.UserID)
	noTenant := !p.Roles.Has(RoleAgency, RoleClient, RoleAuditor)
	switch {
	case ok:
		p.UserID = user
	case p.UserID == "" || !noTenant:
		return Principal{}, unauthenticated("The token's subject is not a user id (24 hex digits). Get a new token.")
	}
	if noTenant {
		p.AccountID = "" // an operator or a main application belongs to no tenant, whatever its token says
		return p, nil
	}
	account, ok := domain.HexID(p.AccountID)
	if !ok {
		return Principal{}, unauthenticated("The token's account_id is not an account id (24 hex digits). Get a new token.")
	}
	p.AccountID = account
	return p, nil
}

func unauthenticated(format string, args ...any) *domain.Error {
	return domain.NewError(domain.CodeUnauthenticated, "%s", fmt.Sprintf(format, args...))
}

// Role says what a caller is. The route table says which roles each operation serves.
type Role string

// The roles. A token may carry several; rights add up.
const (
	RoleAgency   Role = "agency"
	RoleClient   Role = "client"
	RoleAuditor  Role = "auditor"
	RoleOperator Role = "operator"
	RoleMainApp  Role = "main_app"
)

// AllRoles are the roles that a token may carry.
func AllRoles() Roles { return Roles{RoleAgency, RoleClient, RoleAuditor, RoleOperator, RoleMainApp} }

// Roles are the roles of one caller.
type Roles []Role

// Has reports whether one of the caller's roles is among allowed.
func (r Roles) Has(allowed ...Role) bool {
	return slices.ContainsFunc(allowed, func(a Role) bool { return slices.Contains(r, a) })
}
