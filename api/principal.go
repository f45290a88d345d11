package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

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

// Role is what a caller is; what each may do stands in the route table.
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
