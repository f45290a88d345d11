package directory

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Entities reads accounts, categories, users, members, dashboards and platforms. Package analytics
// reads the other entities, activities and stats.
type Entities struct {
	// Pool reads the schemas lb and kept; it can be read-only.
	Pool *pgxpool.Pool
}

// Errors for an id that does not exist or that the caller cannot see.
var (
	// ErrNoUser is returned for a user that the caller cannot see.
	ErrNoUser = domain.NewError(domain.CodeNotFound, "There is no such user. Check the id.")
	// ErrPlatformNotFound is returned for a connected account that the caller cannot see.
	ErrPlatformNotFound = domain.NewError(domain.CodeNotFound, "There is no such connected account. Check the id.")
)

// AccountsQuery selects accounts.
type AccountsQuery struct {
	Page   readmodels.Page `json:"-"` // not part of a cursor's filters
	Search string          // part of the name or email address, case-insensitive; "" for all
	Active *bool           // nil for both
}

// Account is an agency or one of its clients, as in the directory.
type Account struct {
	ID       string              `json:"id"`        // id, 24 hex digits
	RowID    int64               `json:"row_id"`    // the accountId in the analytics paths
	Name     string              `json:"name"`      // name, as in the directory
	Email    domain.OptionalText `json:"email"`     // email address. Null if unknown.
	Phone    domain.OptionalText `json:"phone"`     // telephone number. Null if unknown.
	Address  domain.OptionalText `json:"address"`   // postal address. Null if unknown.
	TimeZone domain.OptionalText `json:"time_zone"` // IANA name; null: that of the agency, or UTC
	IsAgency bool                `json:"is_agency"` // false for a client of the agency
	Active   bool                `json:"active"`    // whether the account is active
}

type nameKey[I any] struct {
	Name string `json:"n"`
	ID   I      `json:"i"`
}

// Accounts lists the accounts in scope, by name. For agency staff, this includes the agency itself.
func (e Entities) Accounts(
	ctx context.Context, scope readmodels.Scope, q AccountsQuery,
) ([]Account, readmodels.ListMeta, error) {
	return readmodels.PageQuery[Account, nameKey[string]]{
		List: "accounts", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select id, row_id, name, email, phone, address, time_zone, parent_account is null, active from accounts
				where (parent_account = $1 or id = $1) and ($2::text[] is null or id = any($2))
				  and ($3 = '' or ` + readmodels.Named("name", "$3") + ` or ` + readmodels.Named("email", "$3") + `)
				  and ($4::boolean is null or active = $4)
				  and ($6 = '' or (name ` + readmodels.ByName + `, id collate "C") > ($5, $6))
				order by name ` + readmodels.ByName + `, id collate "C" limit $7`,
				[]any{
					scope.ParentAccount, scope.Accounts, readmodels.Containing(q.Search), q.Active,
					after.Name, after.ID, limit,
				}
		},
		Scan: pgx.RowToStructByPos[Account],
		Key:  func(a Account) nameKey[string] { return nameKey[string]{a.Name, a.ID} },
	}.Read(ctx, e.Pool)
}

// CategoriesQuery selects categories of posts.
type CategoriesQuery struct {
	Page   readmodels.Page `json:"-"` // not part of a cursor's filters
	Search string          // part of the name, case-insensitive; "" for all
}

// Category classifies posts by subject. Categories come from the main application and are the same
// for all agencies.
type Category struct {
	ID   int64  `json:"id"`   // the number of the category, cId in paths
	Name string `json:"name"` // name, as in the directory
}

// Categories lists the categories, by name.
func (e Entities) Categories(
	ctx context.Context, scope readmodels.Scope, q CategoriesQuery,
) ([]Category, readmodels.ListMeta, error) {
	return readmodels.PageQuery[Category, nameKey[int64]]{
		List: "categories", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[int64], limit int) (string, []any) {
			return `
				select id, name from tDefaultCategories
				where ($1 = '' or ` + readmodels.Named("name", "$1") + `)
				  and ($3::bigint = 0 or (name ` + readmodels.ByName + `, id) > ($2, $3))
				order by name ` + readmodels.ByName + `, id limit $4`,
				[]any{readmodels.Containing(q.Search), after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[Category],
		Key:  func(c Category) nameKey[int64] { return nameKey[int64]{c.Name, c.ID} },
	}.Read(ctx, e.Pool)
}

// UsersQuery selects users.
type UsersQuery struct {
	Page   readmodels.Page `json:"-"` // not part of a cursor's filters
	Search string          // part of the name or email address, case-insensitive; "" for all
	Role   string          // "" for any
	Active *bool           // nil for both
	// OfDashboards limits the result to active users on the lists of dashboards that show figures.
	// Client users see no other users.
	OfDashboards bool
}

// User is a person who can sign in to the main application.
type User struct {
	ID    string              `json:"id"`    // id, 24 hex digits
	Name  string              `json:"name"`  // name, as in the directory
	Email domain.OptionalText `json:"email"` // email address. Null if unknown.
	Image domain.OptionalText `json:"image"` // URL of a picture; null if the user has no picture
	// the role as named by the main application; null if unknown
	Role        domain.OptionalText `json:"role"`
	Company     domain.OptionalText `json:"company"`      // the company that the user works for. Null if unknown.
	AccountID   string              `json:"account_id"`   // the account, 24 hex digits
	AccountName string              `json:"account_name"` // name of the account
	IsOwner     bool                `json:"is_owner"`     // whether the user owns the account
	// Whether the user is active. Also false for a user with a pending password reset.
	Active bool `json:"active"`
	// true if a pending password reset is the only reason for being inactive; sign-in links still
	// work
	ResetPending bool       `json:"reset_pending"`
	CreatedAt    *time.Time `json:"created_at"` // when it was created, UTC. Null if unknown.
	UpdatedAt    *time.Time `json:"updated_at"` // when it was last changed, UTC. Null if unknown.
	// When the user last signed in, UTC. Null if the user has never signed in.
	LastLogin *time.Time `json:"last_login"`
}

// Users lists the users of the accounts in scope, by name.
func (e Entities) Users(
	ctx context.Context, scope readmodels.Scope, q UsersQuery,
) ([]User, readmodels.ListMeta, error) {
	return usersPage(scope, q, "").Read(ctx, e.Pool)
}

// User returns one user, or [ErrNoUser].
func (e Entities) User(ctx context.Context, scope readmodels.Scope, q UsersQuery, id string) (User, error) {
	return usersPage(scope, q, id).ReadOne(ctx, e.Pool, ErrNoUser)
}

func usersPage(scope readmodels.Scope, q UsersQuery, id string) readmodels.PageQuery[User, nameKey[string]] {
	return readmodels.PageQuery[User, nameKey[string]]{
		List: "users", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select u.id, u.name, u.email, u.image, u.role, u.company, u.account_id, a.name, u.is_owner,
				       u.active and not u.reset_pending, u.reset_pending and u.active, u.created_at, u.updated_at,
				       (select max(login_at) from sessions s where s.user_id = u.id)
				from users u join accounts a on a.id = u.account_id
				where (a.parent_account = $1 or a.id = $1) and ($2::text[] is null or u.account_id = any($2))
				  and ($3 = '' or u.id = $3)
				  and ($4 = '' or ` + readmodels.Named("u.name", "$4") + ` or ` + readmodels.Named("u.email", "$4") + `)
				  and ($5 = '' or ` + readmodels.Same("u.role", "$5") + `)
				  and ($6::boolean is null or (u.active and not u.reset_pending) = $6)
				  and (not $7 or ` + ofOpenDashboard + `)
				  and ($9 = '' or (u.name ` + readmodels.ByName + `, u.id collate "C") > ($8, $9))
				order by u.name ` + readmodels.ByName + `, u.id collate "C" limit $10`,
				[]any{
					scope.ParentAccount, scope.Accounts, id, readmodels.Containing(q.Search), q.Role, q.Active,
					q.OfDashboards, after.Name, after.ID, limit,
				}
		},
		Scan: pgx.RowToStructByPos[User],
		Key:  func(u User) nameKey[string] { return nameKey[string]{u.Name, u.ID} },
	}
}

// ofOpenDashboard is the condition under which client users can see user u: the user is active and
// may open a dashboard, of agency $1 and one of the accounts $2, that shows figures to its clients.
var ofOpenDashboard = `u.active and exists (
	select from dashboard_preferences d
	where d.parent_account = $1 and d.sub_account_id = any($2) and ` + readmodels.Opens("u.id", "u.account_id") + `
	  and '` + readmodels.FiguresScope + `' = any(d.scopes))`

// MembersQuery selects members.
type MembersQuery struct {
	Page   readmodels.Page `json:"-"` // not part of a cursor's filters
	Search string          // part of the name or email address, case-insensitive; "" for all
	Active *bool           // nil for both
	User   string          // only members of this user; "" for all
	// OfDashboards limits the users, not the members, to those of [UsersQuery.OfDashboards]. Client
	// users do not see the email addresses and pictures of other users, and cannot find members by
	// these addresses.
	OfDashboards bool
}

// Member is a person in an account who owns connections.
type Member struct {
	ID   int64  `json:"id"`   // id of the member
	Name string `json:"name"` // name, as in the directory
	// the member's user, 24 hex digits; null if the member is not a user
	UserID         *string             `json:"user_id"`
	Email          domain.OptionalText `json:"email"`           // email address of that user; null if unknown
	Image          domain.OptionalText `json:"image"`           // URL of that user's picture; null if the user has no picture
	AccountID      string              `json:"account_id"`      // the account, 24 hex digits
	AccountName    string              `json:"account_name"`    // name of the account
	Active         bool                `json:"active"`          // whether the member is active
	SocialAccounts int                 `json:"social_accounts"` // number of profiles and pages that the member has connected
}

// Members lists the members of the accounts in scope, by name. The user's data is included only if
// the user still belongs to the member's account.
func (e Entities) Members(
	ctx context.Context, scope readmodels.Scope, q MembersQuery,
) ([]Member, readmodels.ListMeta, error) {
	return readmodels.PageQuery[Member, nameKey[int64]]{
		List: "members", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[int64], limit int) (string, []any) {
			return `
				select m.id, m.name, m.user_id, coalesce(u.email, ''), coalesce(u.image, ''), m.account_id, a.name,
				       m.active,
				       (select count(*) from tSAccounts s
				        where s.member_id = m.id and s.parent_account = $1 and s.connected
				          and ($2::text[] is null or s.account_id = any($2)))
				from members m join accounts a on a.id = m.account_id
				left join users u on u.id = m.user_id and u.account_id = m.account_id
				  and (not $9 or ` + ofOpenDashboard + `)
				where (a.parent_account = $1 or a.id = $1) and ($2::text[] is null or m.account_id = any($2))
				  and ($3 = '' or ` + readmodels.Named("m.name", "$3") + ` or ` + readmodels.Named("u.email", "$3") + `)
				  and ($4::boolean is null or m.active = $4) and ($5 = '' or m.user_id = $5)
				  and ($7::bigint = 0 or (m.name ` + readmodels.ByName + `, m.id) > ($6, $7))
				order by m.name ` + readmodels.ByName + `, m.id limit $8`,
				[]any{
					scope.ParentAccount, scope.Accounts, readmodels.Containing(q.Search), q.Active, q.User,
					after.Name, after.ID, limit, q.OfDashboards,
				}
		},
		Scan: pgx.RowToStructByPos[Member],
		Key:  func(m Member) nameKey[int64] { return nameKey[int64]{m.Name, m.ID} },
	}.Read(ctx, e.Pool)
}

// DashboardsQuery selects the dashboards of an agency's clients.
type DashboardsQuery struct {
	Page   readmodels.Page `json:"-"` // not part of a cursor's filters
	Search string          // part of the client's name or email address, case-insensitive; "" for all
	Exists *bool           // nil for both
	// ClientAccount and ClientUser are set for a client user. The result then contains only
	// dashboards that the user may open.
	ClientAccount, ClientUser string
}

// DashboardSummary is a client with the state of its dashboard.
type DashboardSummary struct {
	SubAccountID string `json:"sub_account_id"` // the client of the dashboard, 24 hex digits
	// the accountId in the analytics paths; 0 if the client is not in the directory
	RowID int64 `json:"row_id"`
	// Name of the client. Null if the client is not in the directory.
	SubAccountName domain.OptionalText `json:"sub_account_name"`
	// false if the dashboard does not exist yet; it is created when the agency first opens it
	Exists bool `json:"exists"`
	// id of the dashboard, 24 hex digits; null if the dashboard does not exist yet
	ID *string `json:"id"`
	// Linked are the accounts that share the view, including this one; empty if the dashboard does
	// not exist yet.
	Linked      []AccountName `json:"linked"`
	ListedUsers int           `json:"listed_users"` // number of users on the list
	// number of listed users who can open the dashboard: active users of active, linked accounts; 0
	// while it is closed
	CanOpen              int      `json:"can_open"`
	AllowClientDashboard bool     `json:"allow_client_dashboard"` // whether the dashboard is open to its clients
	Scopes               []string `json:"scopes"`                 // what the dashboard shows to its clients
	// When it was last changed, UTC. Null if the dashboard does not exist yet.
	UpdatedAt *time.Time `json:"updated_at"`
}

// AccountName is an account with its name.
type AccountName struct {
	ID   string              `json:"id"`   // id, 24 hex digits
	Name domain.OptionalText `json:"name"` // name, as in the directory. Null if the account is not in the directory.
}

// Dashboards lists every client of the agency, by name, with its dashboard. For a client user, it
// lists the dashboards that the user may open.
func (e Entities) Dashboards(
	ctx context.Context, scope readmodels.Scope, q DashboardsQuery,
) ([]DashboardSummary, readmodels.ListMeta, error) {
	return readmodels.PageQuery[DashboardSummary, nameKey[string]]{
		List: "dashboards", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select c.id, coalesce(a.row_id, 0), c.name, d.document_id is not null, d.document_id,
				       coalesce((select jsonb_agg(
				                   jsonb_build_object('id', l.id, 'name', coalesce(x.name, '')) order by l.n)
				                 from unnest(d.sub_account_ids) with ordinality as l(id, n)
				                 left join accounts x on x.id = l.id and x.parent_account = $1), '[]'),
				       coalesce(cardinality(d.users), 0),
				       (select count(*) from users u join accounts o on o.id = u.account_id
				        where u.id = any(d.users) and u.active and o.active and o.parent_account = $1
				          and ` + readmodels.Opens("u.id", "o.id") + `),
				       coalesce(d.allow_client_dashboard, false), coalesce(d.scopes, '{}'), d.updated_at
				from (select id, name from accounts where parent_account = $1
				      union all
				      select p.sub_account_id, '' from dashboard_preferences p
				      where p.parent_account = $1 and not exists (
						select from accounts where id = p.sub_account_id and parent_account = $1)) c
				left join accounts a on a.id = c.id and a.parent_account = $1
				left join dashboard_preferences d on d.parent_account = $1 and d.sub_account_id = c.id
				where (` + readmodels.NotAClient + ` or ` + readmodels.Opens("$3", "$2") + `)
				  and ($4 = '' or ` + readmodels.Named("c.name", "$4") + ` or ` + readmodels.Named("a.email", "$4") + `)
				  and ($5::boolean is null or (d.document_id is not null) = $5)
				  and ($7 = '' or (c.name ` + readmodels.ByName + `, c.id collate "C") > ($6, $7))
				order by c.name ` + readmodels.ByName + `, c.id collate "C" limit $8`,
				[]any{
					scope.ParentAccount, q.ClientAccount, q.ClientUser, readmodels.Containing(q.Search), q.Exists,
					after.Name, after.ID, limit,
				}
		},
		Scan: pgx.RowToStructByPos[DashboardSummary],
		Key: func(d DashboardSummary) nameKey[string] {
			return nameKey[string]{string(d.SubAccountName), d.SubAccountID}
		},
	}.Read(ctx, e.Pool)
}
