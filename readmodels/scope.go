package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// FiguresScope is the dashboard scope that shows figures to client users.
const FiguresScope = "analytics"

// Scope is the data that a query may see. It is part of every query; rows outside it do not exist.
type Scope struct {
	ParentAccount string
	// Accounts are the sorted ids of the sub-accounts. nil means all accounts of the agency and the
	// agency itself; an empty list means no accounts.
	Accounts []string
	// Board is the dashboard in the request, or nil. It does not affect which figures are visible.
	Board *Board `json:"-"`
}

// Board says whether the clients of a dashboard can see its figures.
type Board struct {
	ClientsSee bool
	Why        string // a sentence that says why they cannot; "" if they can
}

// AccountRef identifies a sub-account in a request; the zero value identifies none.
type AccountRef struct {
	ID    string // 24 hex digits in lower case
	RowID int64  // the `accountId` in the analytics paths
}

// ScopeRequest describes the caller and the data that the request is limited to.
type ScopeRequest struct {
	ParentAccount string
	// ClientAccount and ClientUser are set for a client user, who sees the linked accounts of the
	// dashboards that the user may open and that have the scope [FiguresScope].
	ClientAccount string
	ClientUser    string
	Narrow        Narrowing
}

// Narrowing limits a request to a part of the data that the caller may see. The zero value sets no
// limit.
type Narrowing struct {
	Accounts []AccountRef // from ?account=; every one must exist
	// from ?dashboard=: the accounts linked in the dashboard of this sub-account
	Dashboard string
}

// Errors of [Scopes.Scope].
var (
	// ErrAccountNotFound is returned for an account that does not exist, belongs to another agency,
	// or is not visible to the client user.
	ErrAccountNotFound = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")
	// ErrNoOpenDashboard is returned for a client user without a dashboard that shows figures.
	ErrNoOpenDashboard = domain.NewError(domain.CodeForbidden,
		"None of the dashboards that you may open shows figures. Ask your agency to open one for you.")
)

// Scopes determines which data a caller may see.
type Scopes struct{ Pool *pgxpool.Pool }

// Scope returns the scope of a request. Agency staff see all clients, and client users the accounts
// of their open dashboards. It returns [ErrAccountNotFound], [ErrNoOpenDashboard] or
// [domain.ErrDashboardNotFound].
func (s Scopes) Scope(ctx context.Context, request ScopeRequest) (Scope, error) {
	scope := Scope{ParentAccount: request.ParentAccount}
	client := request.ClientAccount != "" || request.ClientUser != ""
	if !client && len(request.Narrow.Accounts) == 0 && request.Narrow.Dashboard == "" {
		return scope, nil // no query needed
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
			scope.Accounts, err = narrowAccounts(ctx, tx, scope, request.Narrow.Accounts)
		}
		return err
	})
	if err != nil {
		return Scope{}, fmt.Errorf("find scope in agency %s: %w", request.ParentAccount, err)
	}
	return scope, nil
}

// Opens returns the condition of [domain.Dashboard.OpensFor] for dashboard d, and a user and account
// that are columns or parameters.
func Opens(user, account string) string {
	return `(d.allow_client_dashboard and d.users @> array[` + user + `::text] and ` + account + ` = any(d.sub_account_ids))`
}

// openToCaller is true if the caller ($2 account, $3 user) is a client user who may open dashboard d.
var openToCaller = Opens("$3", "$2")

// NotAClient is true if the caller is not a client user. Either id identifies a client user, so a
// missing id grants nothing.
const NotAClient = `($2 = '' and $3 = '')`

// openAccounts returns the accounts of the dashboards that show figures to a client user.
func openAccounts(ctx context.Context, tx pgx.Tx, request ScopeRequest) ([]string, error) {
	accounts, err := pg.List(ctx, tx, "read open dashboards", pgx.RowTo[string], `
		select distinct linked from dashboard_preferences d, unnest(d.sub_account_ids) as linked
		where d.parent_account = $1 and `+openToCaller+` and $4::text = any(d.scopes)
		order by linked`, request.ParentAccount, request.ClientAccount, request.ClientUser, FiguresScope)
	if err == nil && len(accounts) == 0 {
		err = ErrNoOpenDashboard
	}
	return accounts, err
}

// accountsOfBoard returns the accounts linked in a dashboard, and whether its clients can see their
// figures. For a client user, a dashboard that shows the user no figures does not exist.
func accountsOfBoard(
	ctx context.Context, tx pgx.Tx, request ScopeRequest,
) (accounts []string, board *Board, err error) {
	var open, shows, listed bool
	exists, err := pg.ScanOptional(tx.QueryRow(ctx, `
		select d.sub_account_ids, d.allow_client_dashboard, $4::text = any(d.scopes), cardinality(d.users) > 0
		from dashboard_preferences d
		where d.parent_account = $1 and d.sub_account_id = $5
		  and (`+NotAClient+` or `+openToCaller+` and $4 = any(d.scopes))`,
		request.ParentAccount, request.ClientAccount, request.ClientUser, FiguresScope, request.Narrow.Dashboard),
		"read dashboard", &accounts, &open, &shows, &listed)
	switch {
	case err != nil:
		return nil, nil, err
	case !exists:
		return nil, nil, domain.ErrDashboardNotFound
	case !open:
		board = &Board{Why: "The dashboard is not open to its clients."}
	case !shows:
		board = &Board{
			Why: "The dashboard does not have the scope " + FiguresScope + ", which is required for figures.",
		}
	case !listed:
		board = &Board{Why: "There are no users on the list of the dashboard."}
	default:
		board = &Board{ClientsSee: true}
	}
	return accounts, board, nil
}

// narrowAccounts returns the accounts in scope that a request names, or an error if any is missing.
// If two accounts of the agency have the same row id, both are selected.
func narrowAccounts(ctx context.Context, tx pgx.Tx, scope Scope, refs []AccountRef) ([]string, error) {
	wanted := map[AccountRef]bool{}
	var ids []string
	var numbers []int64
	for _, ref := range refs {
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
	return accounts, pg.Wrap("read requested accounts", err)
}

// Accounts reads the agency of accounts from the directory.
type Accounts struct{ Pool *pgxpool.Pool }

// ParentAccount returns the agency of a sub-account, or an error with code not_found.
func (a Accounts) ParentAccount(ctx context.Context, subAccount string) (string, error) {
	var parent string
	row := a.Pool.QueryRow(ctx, `select parent_account from accounts where id = $1 and parent_account is not null`,
		subAccount)
	known, err := pg.ScanOptional(row, "read agency of account "+subAccount, &parent)
	if err == nil && !known {
		err = domain.NewError(domain.CodeNotFound, "The account in your token is unknown.")
	}
	return parent, err
}

// PlatformRef identifies a platform.
type PlatformRef struct {
	Platform     domain.Platform `json:"p_id"`
	PlatformName string          `json:"platform" words:"{platform names}"` // name of the platform
}

// PlatformRefOf returns the number and name of a platform.
func PlatformRefOf(p domain.Platform) PlatformRef {
	return PlatformRef{Platform: p, PlatformName: p.String()}
}

// PlatformIDs returns the numbers of platforms, as an argument of a statement.
func PlatformIDs(platforms []domain.Platform) []int16 {
	ids := make([]int16, len(platforms))
	for i, p := range platforms {
		ids[i] = int16(p)
	}
	return ids
}
