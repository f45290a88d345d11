package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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
	// Board is the dashboard that the request named; nil: none. It is no part of whose figures these are.
	Board *Board `json:"-"`
}

// Board is whether the clients of a dashboard see its figures.
type Board struct {
	ClientsSee bool
	Why        string // they do not: a sentence; "" when they do
}

// AccountRef names a sub-account as a request does; the zero value names none.
type AccountRef struct {
	ID    string // 24 hex digits in lower case
	RowID int64  // what `accountId` means in the analytics paths
}

// ScopeRequest asks whose figures a caller may see.
type ScopeRequest struct {
	ParentAccount string
	// ClientAccount and ClientUser are set for a client user: it sees the linked accounts of the
	// dashboards that it may open with the scope figuresScope.
	ClientAccount string
	ClientUser    string
	Narrow        Narrowing
}

// Narrowing is what a request asks for of all that the caller may see; the zero value is all of it.
type Narrowing struct {
	Accounts  []AccountRef // of ?account=; every one must be there
	Dashboard string       // of ?dashboard=: the accounts linked in the dashboard of this sub-account
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
type Scopes struct{ Pool *pgxpool.Pool }

// Scope answers a request. Agency staff see all clients, or those that they narrow to. A client user sees
// the accounts of its open dashboards, or those of them that it narrows to. It returns
// [ErrAccountNotFound], [ErrNoOpenDashboard] or [domain.ErrDashboardNotFound].
func (s Scopes) Scope(ctx context.Context, request ScopeRequest) (Scope, error) {
	scope := Scope{ParentAccount: request.ParentAccount}
	client := request.ClientAccount != "" || request.ClientUser != ""
	if !client && len(request.Narrow.Accounts) == 0 && request.Narrow.Dashboard == "" {
		return scope, nil // nothing need be read
	}
	err := pg.Snapshot(ctx, s.Pool, func(tx pgx.Tx) error {
		var err error
		switch {
		case request.Narrow.Dashboard != "":
			scope.Accounts, scope.Board, err = accountsOfBoard(ctx, tx, request)
		case client:
			scope.Accounts, err = openAccounts(ctx, tx, request)
		}
		if err == nil && len(request.Narrow.Accounts) > 0 {
			scope.Accounts, err = narrowed(ctx, tx, scope, request.Narrow.Accounts)
		}
		return err
	})
	if err != nil {
		return Scope{}, fmt.Errorf("find scope in agency %s: %w", request.ParentAccount, err)
	}
	return scope, nil
}

// opensDashboard is rule 11, of dashboard d and the client user ($2 account, $3 user): it is open, the user is on its list,
// and it is that of the user's account or linked with it.
const opensDashboard = `(d.allow_client_dashboard and d.users @> array[$3::text] and (d.sub_account_id = $2 or $2 = any(d.sub_account_ids)))`

// notAClient tells that no client user asks. Either id says that one does, so that one that is missing opens nothing.
const notAClient = `($2 = '' and $3 = '')`

// openAccounts returns the linked accounts of the dashboards that a client user may open with the
// scope for figures.
func openAccounts(ctx context.Context, tx pgx.Tx, request ScopeRequest) ([]string, error) {
	accounts, err := pg.List(ctx, tx, "read open dashboards", pgx.RowTo[string], `
		select distinct linked
		from dashboard_preferences d, unnest(array_append(d.sub_account_ids, d.sub_account_id)) as linked
		where d.parent_account = $1 and `+opensDashboard+` and $4::text = any(d.scopes)
		order by linked`, request.ParentAccount, request.ClientAccount, request.ClientUser, figuresScope)
	if err == nil && len(accounts) == 0 {
		err = ErrNoOpenDashboard
	}
	return accounts, err
}

// accountsOfBoard returns the accounts that are linked in a dashboard, and whether its clients see their figures. To a client
// user who may not open it, or whom it shows no figures, it does not exist.
func accountsOfBoard(ctx context.Context, tx pgx.Tx, request ScopeRequest) (accounts []string, board *Board, err error) {
	var open, shows, listed bool
	exists, err := found(tx.QueryRow(ctx, `
		select array(select distinct unnest(array_append(d.sub_account_ids, d.sub_account_id)) order by 1),
		       d.allow_client_dashboard, $4::text = any(d.scopes), cardinality(d.users) > 0
		from dashboard_preferences d
		where d.parent_account = $1 and d.sub_account_id = $5 and (`+notAClient+` or `+opensDashboard+` and $4 = any(d.scopes))`,
		request.ParentAccount, request.ClientAccount, request.ClientUser, figuresScope, request.Narrow.Dashboard),
		"read dashboard", &accounts, &open, &shows, &listed)
	switch {
	case err != nil:
		return nil, nil, err
	case !exists:
		return nil, nil, domain.ErrDashboardNotFound
	case !open:
		board = &Board{Why: "The dashboard is not open to its clients."}
	case !shows:
		board = &Board{Why: "The dashboard lacks the scope " + figuresScope + ", which shows figures."}
	case !listed:
		board = &Board{Why: "Nobody is on the list of the dashboard."}
	default:
		board = &Board{ClientsSee: true}
	}
	return accounts, board, nil
}

// narrowed returns the accounts of the scope that a request names, if every one is there. Row ids are the main
// application's; should two accounts of one agency carry the same, both are meant.
func narrowed(ctx context.Context, tx pgx.Tx, scope Scope, to []AccountRef) ([]string, error) {
	wanted := map[AccountRef]bool{}
	var ids []string
	var numbers []int64
	for _, ref := range to {
		wanted[ref] = true
		if ref.ID != "" {
			ids = append(ids, ref.ID)
		} else {
			numbers = append(numbers, ref.RowID)
		}
	}
	rows, _ := tx.Query(ctx, `
		select id, row_id from accounts
		where (parent_account = $1 or id = $1) and (id = any($2) or row_id = any($3))
		  and ($4::text[] is null or id = any($4))
		order by id`, scope.ParentAccount, ids, numbers, scope.Accounts)
	var accounts []string
	var id string
	var number int64
	_, err := pgx.ForEachRow(rows, []any{&id, &number}, func() error {
		accounts = append(accounts, id)
		delete(wanted, AccountRef{ID: id})
		delete(wanted, AccountRef{RowID: number})
		return nil
	})
	if err == nil && len(wanted) > 0 {
		return nil, ErrAccountNotFound
	}
	return accounts, wrapped("read narrowing accounts", err)
}

// Accounts answers who belongs to whom, from the directory.
type Accounts struct{ Pool *pgxpool.Pool }

// ParentAccount returns the agency of a sub-account; an unknown account is not_found.
func (a Accounts) ParentAccount(ctx context.Context, subAccount string) (string, error) {
	var parent string
	known, err := found(a.Pool.QueryRow(ctx, `select parent_account from accounts where id = $1 and parent_account is not null`, subAccount),
		"read agency of account "+subAccount, &parent)
	if err == nil && !known {
		err = domain.NewError(domain.CodeNotFound, "The account of your token is not known here.")
	}
	return parent, err
}
