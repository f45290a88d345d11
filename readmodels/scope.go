package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// figuresScope is the dashboard scope that opens the figures to client users.
const figuresScope = "analytics"

// Scope is whose figures a query may see. It is part of every query, and rows outside it do not exist.
type Scope struct {
	ParentAccount string
	// Accounts are the sub-accounts, by id and sorted; nil means every one of the agency and the agency
	// itself, and an empty list none.
	Accounts []string
}

// AccountRef names a sub-account as a request does; the zero value names none.
type AccountRef struct {
	ID    string // 24 hex digits in lower case
	RowID int64  // what `accountId` means in the analytics paths
}

// IsZero reports whether no account was named.
func (a AccountRef) IsZero() bool { return a == AccountRef{} }

// ScopeRequest asks whose figures a caller may see.
type ScopeRequest struct {
	ParentAccount string
	// ClientAccount and ClientUser are set for a client user: it sees the linked accounts of the
	// dashboards that it may open with the scope figuresScope.
	ClientAccount string
	ClientUser    string
	// Narrow is the account of ?account=, if any.
	Narrow AccountRef
}

// Errors of [Scopes.Scope].
var (
	// ErrAccountNotFound is the one answer for an account that does not exist, one of another agency
	// and one that a client user may not see.
	ErrAccountNotFound = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")
	// ErrNoOpenDashboard answers a client user without any dashboard that shows figures.
	ErrNoOpenDashboard = domain.NewError(domain.CodeForbidden,
		"None of the dashboards that you may open shows figures. Ask your agency to open one for you.")
)

// Scopes finds out whose figures a caller may see.
type Scopes struct{ Pool pg.Reader }

// Scope answers a request. Agency staff see all clients, or the one they narrow to. A client user sees
// the accounts of its open dashboards, or the one of them it narrows to. It returns
// [ErrAccountNotFound] or [ErrNoOpenDashboard].
func (s Scopes) Scope(ctx context.Context, request ScopeRequest) (Scope, error) {
	scope := Scope{ParentAccount: request.ParentAccount}
	client := request.ClientAccount != "" || request.ClientUser != ""
	if !client && request.Narrow.IsZero() {
		return scope, nil // nothing need be read
	}
	err := pg.Snapshot(ctx, s.Pool, func(tx pgx.Tx) error {
		var err error
		if client {
			if scope.Accounts, err = openAccounts(ctx, tx, request); err != nil {
				return err
			}
		}
		if !request.Narrow.IsZero() {
			scope.Accounts, err = narrowed(ctx, tx, scope, request.Narrow)
		}
		return err
	})
	if err != nil {
		return Scope{}, fmt.Errorf("find scope in agency %s: %w", request.ParentAccount, err)
	}
	return scope, nil
}

// openAccounts returns the linked accounts of the dashboards that a client user may open with the
// scope for figures: allowed, on the list, of its own account or linked with it (rule 11).
func openAccounts(ctx context.Context, tx pgx.Tx, request ScopeRequest) ([]string, error) {
	rows, _ := tx.Query(ctx, `
		select distinct linked
		from dashboard_preferences d, unnest(array_append(d.sub_account_ids, d.sub_account_id)) as linked
		where d.parent_account = $1 and d.users @> array[$3::text] and d.allow_client_dashboard and $4::text = any(d.scopes)
		  and (d.sub_account_id = $2 or $2 = any(d.sub_account_ids))
		order by linked`, request.ParentAccount, request.ClientAccount, request.ClientUser, figuresScope)
	return some(rows, "read open dashboards", ErrNoOpenDashboard)
}

// narrowed returns the accounts of the scope that a request names. Row ids are the main
// application's; should two accounts of one agency carry the same, both are meant.
func narrowed(ctx context.Context, tx pgx.Tx, scope Scope, to AccountRef) ([]string, error) {
	rows, _ := tx.Query(ctx, `
		select id from accounts
		where (parent_account = $1 or id = $1) and (id = $2 or row_id = nullif($3::bigint, 0))
		  and ($4::text[] is null or id = any($4))
		order by id`, scope.ParentAccount, to.ID, to.RowID, scope.Accounts)
	return some(rows, "read narrowing account", ErrAccountNotFound)
}
