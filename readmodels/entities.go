package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Entities answers two of the data model's four entities: users and platforms, a file for each. The other two,
// activities and stats, are figures.
type Entities struct {
	// Pool reads schemas lb and kept; a read-only one will do.
	Pool *pgxpool.Pool
}

// What is asked for by id and does not exist, or is not the caller's to see.
var (
	// ErrNoUser answers a user that the caller does not see.
	ErrNoUser = domain.NewError(domain.CodeNotFound, "There is no such user. Check the id.")
	// ErrPlatformNotFound answers a connected account that the caller does not see.
	ErrPlatformNotFound = domain.NewError(domain.CodeNotFound, "There is no such connected account. Check the id.")
)

// AccountsQuery asks for accounts.
type AccountsQuery struct {
	Page   Page   `json:"-"` // no part of the filters that a cursor goes with
	Search string // part of the name or e-mail address, whatever its case; "": all
	Active *bool  // nil: both
}

// Account is an agency or one of its clients, as the directory holds it.
type Account struct {
	ID       string `json:"id"`
	RowID    int64  `json:"row_id"` // what accountId means in the paths of the analytics
	Name     string `json:"name"`
	Email    string `json:"email"`
	Phone    string `json:"phone"`
	Address  string `json:"address"`
	IsAgency bool   `json:"is_agency"` // false: a client of it
	Active   bool   `json:"active"`
}

// nameKey is where a list by name goes on.
type nameKey[I any] struct {
	Name string `json:"n"`
	ID   I      `json:"i"`
}

// Accounts lists the accounts of the scope, by name: for agency staff the agency itself, too.
func (e Entities) Accounts(ctx context.Context, scope Scope, q AccountsQuery) ([]Account, ListMeta, error) {
	return PageQuery[Account, nameKey[string]]{
		List: "accounts", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select id, row_id, name, email, phone, address, parent_account is null, active from accounts
				where (parent_account = $1 or id = $1) and ($2::text[] is null or id = any($2))
				  and ($3 = '' or name ilike $3 or email ilike $3) and ($4::boolean is null or active = $4)
				  and ($6 = '' or (name collate "C", id collate "C") > ($5, $6))
				order by name collate "C", id collate "C" limit $7`,
				[]any{scope.ParentAccount, scope.Accounts, containing(q.Search), q.Active, after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[Account],
		Key:  func(a Account) nameKey[string] { return nameKey[string]{a.Name, a.ID} },
	}.Read(ctx, e.Pool)
}

// CategoriesQuery asks for categories of posts.
type CategoriesQuery struct {
	Page   Page   `json:"-"` // no part of the filters that a cursor goes with
	Search string // part of the name, whatever its case; "": all
}

// Category is what a post is about. Categories are the main application's own and the same for all agencies.
type Category struct {
	ID   int64  `json:"id"` // its number: cId elsewhere
	Name string `json:"name"`
}

// Categories lists the categories, by name.
func (e Entities) Categories(ctx context.Context, scope Scope, q CategoriesQuery) ([]Category, ListMeta, error) {
	return PageQuery[Category, nameKey[int64]]{
		List: "categories", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[int64], limit int) (string, []any) {
			return `
				select id, name from tDefaultCategories
				where ($1 = '' or name ilike $1) and ($3::bigint = 0 or (name collate "C", id) > ($2, $3))
				order by name collate "C", id limit $4`, []any{containing(q.Search), after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[Category],
		Key:  func(c Category) nameKey[int64] { return nameKey[int64]{c.Name, c.ID} },
	}.Read(ctx, e.Pool)
}
