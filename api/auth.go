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

// principal returns the verified caller of r, after checking that the caller still has access: the
// principal that an outer middleware put into the context, or else the one that the authenticator
// returns.
func (a *authorizer) principal(r *http.Request) (Principal, error) {
	p, ok := PrincipalFrom(r.Context())
	if ok {
		return a.admitted(r.Context(), p)
	}
	p, err := a.deps.Authenticator.Authenticate(r)
	if err == nil {
		return a.admitted(r.Context(), p)
	}
	_, known := errors.AsType[*domain.Error](err)
	timedOut := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !known && !timedOut && !a.deps.IsTemporary(err) {
		// A main application's own errors are not failures of this service.
		err = fmt.Errorf("%w (%w)", errNotSignedIn, err)
	}
	a.refusals.failed(r.Context(), err)
	return Principal{}, err
}

var errNotSignedIn = unauthenticated("You are not signed in, or your sign-in is not valid here. Sign in again.")

// admitted returns a verified caller with canonical ids, if the caller still has access.
func (a *authorizer) admitted(ctx context.Context, p Principal) (Principal, error) {
	p, err := p.Canonical()
	if err != nil {
		a.refusals.failed(ctx, err)
		return Principal{}, err
	}
	return p, a.admit(ctx, p)
}

// caller returns the caller of a request, and counts the request.
func (a *authorizer) caller(w http.ResponseWriter, r *http.Request) (Caller, error) {
	p, err := a.principal(r)
	info := infoOf(r.Context())
	info.user = p.UserID // even if the caller is refused
	if err == nil {
		err = a.limits.take(w.Header(), p)
	}
	return Caller{p, info.id, info.traceParent}, err
}

var errWrongRole = domain.NewError(domain.CodeForbidden,
	"Your role does not permit this. Sign in with an account that has permission.")

// parentOf returns the agency of a caller. For a client user, it is looked up in the directory.
func (a *authorizer) parentOf(ctx context.Context, p Principal) (string, error) {
	if p.Roles.Has(RoleAgency, RoleAuditor) {
		return p.AccountID, nil
	}
	return a.deps.ParentAccount(ctx, p.AccountID)
}

// Principal is a verified caller. AccountID is the parent account for the roles agency and auditor,
// a sub-account for client, and empty for a caller that is only an operator or a main application.
type Principal struct {
	UserID    string
	AccountID string
	Roles     Roles
	// ExpiresAt is when the credentials are refused and streams are closed. If it is unknown (zero),
	// streams are closed after 5 minutes.
	ExpiresAt time.Time
	// KnownAs are other names of the caller in the list of [WithdrawnSubjects]: the subject at the
	// identity provider, the issuer and the subject separated by a space, an email address.
	KnownAs []string
	// Local is set by [LocalOperators]. It is recorded with the actions of the operator.
	Local domain.LocalOperator
}

// isPerson reports whether the caller must be in the directory: it has a role other than auditor,
// operator and main application.
func (p Principal) isPerson() bool {
	return slices.ContainsFunc(
		p.Roles, func(r Role) bool { return r != RoleAuditor && r != RoleOperator && r != RoleMainApp },
	)
}

// Authenticator identifies the caller of a request. An error means that the request has no valid
// credentials, and the response is 401. A [domain.Error] keeps its code and message, for example
// unavailable (503) if the credentials cannot be verified now. Package bearer contains the
// standalone implementation.
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

// AuthenticatorFunc adapts a function to an [Authenticator].
type AuthenticatorFunc func(r *http.Request) (Principal, error)

// Authenticate implements [Authenticator].
func (a AuthenticatorFunc) Authenticate(r *http.Request) (Principal, error) { return a(r) }

type principalKey struct{}

// WithPrincipal returns a context with a caller that the middleware of a main application
// has verified. The API does not call the [Authenticator] for such a request.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the caller of the request that ctx belongs to.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Canonical returns p with lower-case ids: two spellings of an agency's id would be two streams of
// the log. It returns an error if the ids are invalid for the roles.
func (p Principal) Canonical() (Principal, error) {
	user, ok := domain.HexID(p.UserID)
	noTenant := !p.Roles.Has(RoleAgency, RoleClient, RoleAuditor)
	switch {
	case ok:
		p.UserID = user
	case p.UserID == "" || !noTenant:
		return Principal{}, Refuse("sub", "a user id (24 hex digits)", p.UserID,
			"The token's subject is not a user id (24 hex digits). Get a new token.")
	}
	if noTenant {
		p.AccountID = "" // an operator or a main application belongs to no tenant, even if its token names one
		return p, nil
	}
	account, ok := domain.HexID(p.AccountID)
	if !ok {
		return Principal{}, Refuse("account_id", "an account id (24 hex digits)", p.AccountID,
			"The token's account_id is not an account id (24 hex digits). Get a new token.")
	}
	p.AccountID = account
	return p, nil
}

func unauthenticated(format string, args ...any) *domain.Error {
	return domain.NewError(domain.CodeUnauthenticated, format, args...)
}

// Role is a role of a caller. The route table lists the roles of each operation.
type Role string

// The roles. A caller with several roles has the rights of all of them.
const (
	RoleAgency   Role = "agency"
	RoleClient   Role = "client"
	RoleAuditor  Role = "auditor"
	RoleOperator Role = "operator"
	RoleMainApp  Role = "main_app"
)

// AllRoles returns the roles that a token may contain.
func AllRoles() Roles { return Roles{RoleAgency, RoleClient, RoleAuditor, RoleOperator, RoleMainApp} }

// Roles are the roles of one caller.
type Roles []Role

// Has reports whether r contains one of the allowed roles.
func (r Roles) Has(allowed ...Role) bool {
	return slices.ContainsFunc(allowed, func(a Role) bool { return slices.Contains(r, a) })
}
