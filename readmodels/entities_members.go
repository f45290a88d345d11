package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// MembersQuery asks for members.
type MembersQuery struct {
	Page   Page   `json:"-"` // no part of the filters that a cursor goes with
	Search string // part of the name or e-mail address, whatever its case; "": all
	Active *bool  // nil: both
	User   string // whose members alone; "": everybody's
	// OfDashboards narrows the users, not the members, to those of [UsersQuery.OfDashboards]: of nobody else a client user
	// sees, or finds a member by, the e-mail address and the picture.
	OfDashboards bool
}

// Member is a person in an account who owns connections.
type Member struct {
	ID             int64   `json:"id"` // the main application's number
	Name           string  `json:"name"`
	UserID         *string `json:"user_id"` // the user who this member is, 24 hex digits; null: none
	Email          string  `json:"email"`   // of that user; empty when none is known
	Image          string  `json:"image"`   // of that user; empty without one
	AccountID      string  `json:"account_id"`
	AccountName    string  `json:"account_name"`
	Active         bool    `json:"active"`
	SocialAccounts int     `json:"social_accounts"` // how many profiles and pages it has connected
}

// Members lists the members of the scope's accounts, by name. A user who has another account than the member by now is
// that account's to show.
func (e Entities) Members(ctx context.Context, scope Scope, q MembersQuery) ([]Member, ListMeta, error) {
	return PageQuery[Member, nameKey[int64]]{
		List: "members", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[int64], limit int) (string, []any) {
			return `
				select m.id, m.name, m.user_id, coalesce(u.email, ''), coalesce(u.image, ''), m.account_id, a.name, m.active,
				       (select count(*) from tSAccounts s
				        where s.member_id = m.id and s.parent_account = $1 and s.connected and ($2::text[] is null or s.account_id = any($2)))
				from members m join accounts a on a.id = m.account_id
				left join users u on u.id = m.user_id and u.account_id = m.account_id and (not $9 or ` + ofOpenDashboard + `)
				where (a.parent_account = $1 or a.id = $1) and ($2::text[] is null or m.account_id = any($2))
				  and ($3 = '' or m.name ilike $3 or u.email ilike $3) and ($4::boolean is null or m.active = $4)
				  and ($5 = '' or m.user_id = $5) and ($7::bigint = 0 or (m.name collate "C", m.id) > ($6, $7))
				order by m.name collate "C", m.id limit $8`,
				[]any{
					scope.ParentAccount, scope.Accounts, containing(q.Search), q.Active, q.User, after.Name, after.ID, limit, q.OfDashboards,
				}
		},
		Scan: pgx.RowToStructByPos[Member],
		Key:  func(m Member) nameKey[int64] { return nameKey[int64]{m.Name, m.ID} },
	}.Read(ctx, e.Pool)
}
