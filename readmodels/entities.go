package readmodels

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Entities answers two of the data model's four entities: users and platforms. The other two, activities
// and stats, are figures.
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

// DashboardsQuery asks for the dashboards of an agency's clients.
type DashboardsQuery struct {
	Page   Page   `json:"-"` // no part of the filters that a cursor goes with
	Search string // part of the client's name or e-mail address, whatever its case; "": all
	Exists *bool  // nil: both
	// ClientAccount and ClientUser are set for a client user, for whom only the dashboards exist that it may open (rule 11).
	ClientAccount, ClientUser string
}

// DashboardSummary is a client with what its dashboard is.
type DashboardSummary struct {
	SubAccountID   string  `json:"sub_account_id"`
	RowID          int64   `json:"row_id"`           // what accountId means in the paths of the analytics; 0: the directory does not hold it
	SubAccountName string  `json:"sub_account_name"` // empty when the directory does not hold the client
	Exists         bool    `json:"exists"`           // false: there is no dashboard yet; an agency's first look makes it
	ID             *string `json:"id"`               // of the dashboard, 24 hex digits; null: there is none yet
	// Linked are the accounts that share the view, this one included; empty: there is no dashboard yet.
	Linked               []AccountName `json:"linked"`
	ListedUsers          int           `json:"listed_users"` // how many are on the list
	CanOpen              int           `json:"can_open"`     // how many of these may open it while it is open: active users of active clients
	AllowClientDashboard bool          `json:"allow_client_dashboard"`
	Scopes               []string      `json:"scopes"`
	UpdatedAt            *time.Time    `json:"updated_at"` // null: there is none yet
}

// AccountName is an account with its name.
type AccountName struct {
	ID   string `json:"id"`
	Name string `json:"name"` // empty when the directory does not hold it
}

// Dashboards lists every client of the agency, by name, with what its dashboard is; for a client user those that it may open.
func (e Entities) Dashboards(ctx context.Context, scope Scope, q DashboardsQuery) ([]DashboardSummary, ListMeta, error) {
	return PageQuery[DashboardSummary, nameKey[string]]{
		List: "dashboards", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select c.id, coalesce(a.row_id, 0), c.name, d.document_id is not null, d.document_id,
				       coalesce((select jsonb_agg(jsonb_build_object('id', l.id, 'name', coalesce(x.name, '')) order by l.n)
				                 from unnest(d.sub_account_ids) with ordinality as l(id, n)
				                 left join accounts x on x.id = l.id and x.parent_account = $1), '[]'),
				       coalesce(cardinality(d.users), 0),
				       (select count(*) from users u join accounts o on o.id = u.account_id
				        where u.id = any(d.users) and u.active and o.active and o.parent_account = $1), coalesce(d.allow_client_dashboard, false), coalesce(d.scopes, '{}'), d.updated_at
				from (select id, name from accounts where parent_account = $1
				      union all
				      select p.sub_account_id, '' from dashboard_preferences p
				      where p.parent_account = $1 and not exists (
						select from accounts where id = p.sub_account_id and parent_account = $1)) c
				left join accounts a on a.id = c.id and a.parent_account = $1
				left join dashboard_preferences d on d.parent_account = $1 and d.sub_account_id = c.id
				where (` + notAClient + ` or ` + opensDashboard + `) and ($4 = '' or c.name ilike $4 or a.email ilike $4)
				  and ($5::boolean is null or (d.document_id is not null) = $5)
				  and ($7 = '' or (c.name collate "C", c.id collate "C") > ($6, $7))
				order by c.name collate "C", c.id collate "C" limit $8`,
				[]any{scope.ParentAccount, q.ClientAccount, q.ClientUser, containing(q.Search), q.Exists, after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[DashboardSummary],
		Key:  func(d DashboardSummary) nameKey[string] { return nameKey[string]{d.SubAccountName, d.SubAccountID} },
	}.Read(ctx, e.Pool)
}
