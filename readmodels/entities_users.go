package readmodels

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// UsersQuery asks for users.
type UsersQuery struct {
	Page   Page   `json:"-"` // no part of the filters that a cursor goes with
	Search string // part of the name or e-mail address, whatever its case; "": all
	Role   string // "": any
	Active *bool  // nil: both
	// OfDashboards narrows to active users on the lists of dashboards that show figures: a client user
	// sees nobody else.
	OfDashboards bool
}

// User is a person who can sign in at the main application.
type User struct {
	ID          string              `json:"id"` // 24 hex digits
	Name        string              `json:"name"`
	Email       string              `json:"email"`
	Image       domain.OptionalText `json:"image"`   // address of a picture; null: none
	Role        domain.OptionalText `json:"role"`    // as the main application names it; null: not known
	Company     domain.OptionalText `json:"company"` // null: not known
	AccountID   string              `json:"account_id"`
	AccountName string              `json:"account_name"`
	IsOwner     bool                `json:"is_owner"`
	// Active is false for a user with a pending reset of the password, too.
	Active       bool       `json:"active"`
	ResetPending bool       `json:"reset_pending"` // not active for this alone: the password must be set again; a link signs in all the same
	CreatedAt    *time.Time `json:"created_at"`    // null: not known
	UpdatedAt    *time.Time `json:"updated_at"`    // null: not known
	LastLogin    *time.Time `json:"last_login"`    // null: never
}

// Users lists the users of the scope's accounts, by name. The directory
// does not hold one.
func (e Entities) Users(ctx context.Context, scope Scope, q UsersQuery) ([]User, ListMeta, error) {
	return e.users(scope, q, "").Read(ctx, e.Pool)
}

// User returns one user, or [ErrNoUser].
func (e Entities) User(ctx context.Context, scope Scope, q UsersQuery, id string) (User, error) {
	return e.users(scope, q, id).ReadOne(ctx, e.Pool, ErrNoUser)
}

func (e Entities) users(scope Scope, q UsersQuery, id string) PageQuery[User, nameKey[string]] {
	return PageQuery[User, nameKey[string]]{
		List: "users", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select u.id, u.name, u.email, u.image, u.role, u.company, u.account_id, a.name, u.is_owner, u.active and not u.reset_pending,
				       u.reset_pending and u.active, u.created_at, u.updated_at,
				       (select max(login_at) from sessions s where s.user_id = u.id)
				from users u join accounts a on a.id = u.account_id
				where (a.parent_account = $1 or a.id = $1) and ($2::text[] is null or u.account_id = any($2))
				  and ($3 = '' or u.id = $3) and ($4 = '' or u.name ilike $4 or u.email ilike $4) and ($5 = '' or u.role = $5)
				  and ($6::boolean is null or (u.active and not u.reset_pending) = $6)
				  and (not $7 or ` + ofOpenDashboard + `)
				  and ($9 = '' or (u.name collate "C", u.id collate "C") > ($8, $9))
				order by u.name collate "C", u.id collate "C" limit $10`,
				[]any{
					scope.ParentAccount, scope.Accounts, id, containing(q.Search), q.Role, q.Active, q.OfDashboards, after.Name, after.ID, limit,
				}
		},
		Scan: pgx.RowToStructByPos[User],
		Key:  func(u User) nameKey[string] { return nameKey[string]{u.Name, u.ID} },
	}
}

// ofOpenDashboard says of user u that client users see it: active, and on the list of a dashboard of agency $1 and of one of
// accounts $2 that shows them figures.
const ofOpenDashboard = `u.active and exists (
	select from dashboard_preferences d
	where d.parent_account = $1 and d.sub_account_id = any($2) and d.users @> array[u.id]
	  and d.allow_client_dashboard and '` + figuresScope + `' = any(d.scopes))`

// containing is the pattern of a text anywhere in another; "" for none.
func containing(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}
