package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// AccountsQuery asks for accounts.
type AccountsQuery struct {
	Page   Page
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
type nameKey struct {
	Name string `json:"n"`
	ID   string `json:"i"`
}

// Accounts lists the accounts of the scope, by name: for agency staff the agency itself, too.
func (e Entities) Accounts(ctx context.Context, scope Scope, q AccountsQuery) ([]Account, ListMeta, error) {
	page := q.Page
	q.Page = Page{}
	return PageQuery[Account, nameKey]{
		List: "accounts", Scope: scope, Page: page, Filters: q,
		Select: func(after nameKey, limit int) (string, []any) {
			return `
				select id, row_id, name, email, phone, address, parent_account is null, active from accounts
				where (parent_account = $1 or id = $1) and ($2::text[] is null or id = any($2))
				  and ($3 = '' or name ilike $3 or email ilike $3) and ($4::boolean is null or active = $4)
				  and ($6 = '' or (name collate "C", id collate "C") > ($5, $6))
				order by name collate "C", id collate "C" limit $7`,
				[]any{scope.ParentAccount, scope.Accounts, containing(q.Search), q.Active, after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[Account],
		Key:  func(a Account) nameKey { return nameKey{a.Name, a.ID} },
	}.Read(ctx, e.Pool)
}
