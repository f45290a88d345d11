package readmodels

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// DashboardView is the response to a GET of a dashboard.
type DashboardView struct {
	ID           string `json:"id"`             // id, 24 hex digits
	SubAccountID string `json:"sub_account_id"` // the client of the dashboard, 24 hex digits
	// name of the account `sub_account_id`
	SubAccountName string          `json:"sub_account_name"`
	MainAccount    MainAccount     `json:"main_account"`    // the agency
	SubAccountIDs  []LinkedAccount `json:"sub_account_ids"` // the linked accounts, including this one
	// active users on the list who belong to a linked account
	Users []DashboardUser `json:"users"`
	// UsersNotShown are the other users on the list. A PUT whose list contains only `users` removes
	// them, so send their ids too. Absent for client users, who cannot change lists.
	UsersNotShown        []UserNotShown `json:"users_not_shown,omitzero"`
	MainPOC              []POC          `json:"main_poc"`               // points of contact at the agency
	AllowClientDashboard bool           `json:"allow_client_dashboard"` // whether the dashboard is open to its clients
	Scopes               []string       `json:"scopes"`                 // what the dashboard shows to its clients
	CreatedAt            time.Time      `json:"created_at"`             // when it was created, UTC
	UpdatedAt            time.Time      `json:"updated_at"`             // when it was last changed, UTC

	Version int64 `json:"-"` // version of the last record that changed this dashboard: the ETag
}

// MainAccount is the agency as its clients see it.
type MainAccount struct {
	Name string `json:"name"` // name, as in the directory
	// the custom domain, otherwise the white-label address; "" if the agency has neither
	LoginURL string `json:"login_url"`
}

// LinkedAccount is one account of the linked set.
type LinkedAccount struct {
	ID      string `json:"id"`      // id, 24 hex digits
	Name    string `json:"name"`    // name, as in the directory
	Email   string `json:"email"`   // email address. Empty if unknown.
	Phone   string `json:"phone"`   // telephone number. Empty if unknown.
	Address string `json:"address"` // postal address. Empty if unknown.
}

// DashboardUser is an active user on the list who belongs to a linked account.
type DashboardUser struct {
	ID        string     `json:"id"`         // id, 24 hex digits
	Name      string     `json:"name"`       // name, as in the directory
	Email     string     `json:"email"`      // email address. Empty if unknown.
	Image     string     `json:"image"`      // URL of a picture; may be empty
	Account   string     `json:"account"`    // the account that the user belongs to, 24 hex digits
	IsOwner   bool       `json:"is_owner"`   // whether the user owns the account
	Active    bool       `json:"active"`     // false while a password reset is pending
	LastLogin *time.Time `json:"last_login"` // when the user last signed in, UTC. Null if the user has never signed in.
}

// UserNotShown is a user who is on the list but not in `users`.
type UserNotShown struct {
	ID string `json:"id"` // id, 24 hex digits
	// "inactive", "agency_staff", "other_account" (the account is no longer linked) or "unknown"
	// (the user is not in the agency's directory)
	Reason string `json:"reason"`
}

// POC is a point of contact at the agency.
type POC struct {
	ID          string `json:"id"`           // id, 24 hex digits
	Name        string `json:"name"`         // name, as in the directory
	Email       string `json:"email"`        // email address. Empty if unknown.
	Phone       string `json:"phone"`        // telephone number. Empty if unknown.
	Image       string `json:"image"`        // URL of a picture; may be empty
	MeetingLink string `json:"meeting_link"` // URL for scheduling a meeting; may be empty
}

// DashboardRequest identifies a dashboard and its reader.
type DashboardRequest struct {
	ParentAccount, SubAccount string
	// ClientAccount and ClientUser are set for a client user. Another account's dashboard exists
	// for a client user only if the user may open it. Otherwise it is not read, because a longer
	// response time would reveal that it exists.
	ClientAccount, ClientUser string
}

func (d DashboardRequest) ofClient() bool { return d.ClientAccount != "" || d.ClientUser != "" }

// ErrDashboardNotOpen (forbidden) is returned to a client user who may not open the dashboard of the
// user's own account.
var ErrDashboardNotOpen = domain.NewError(domain.CodeForbidden,
	"You have no access to this dashboard. Ask your agency for access.")

// Dashboard returns the dashboard of a sub-account with current names from the directory,
// [domain.ErrDashboardNotFound], or [ErrDashboardNotOpen].
func (d *Dashboards) Dashboard(ctx context.Context, request DashboardRequest) (DashboardView, error) {
	var view DashboardView
	err := pg.Snapshot(ctx, d.Pool, func(tx pgx.Tx) error {
		document, err := ownDashboard(ctx, tx, request)
		if err != nil {
			return err
		}
		view = DashboardView{
			ID: document.DocumentID, SubAccountID: document.SubAccountID,
			AllowClientDashboard: document.AllowClientDashboard, Scopes: document.Scopes,
			CreatedAt: document.CreatedAt, UpdatedAt: document.UpdatedAt,
			Version: document.Version,
		}
		if view.MainAccount, err = mainAccount(ctx, tx, document.ParentAccount); err != nil {
			return err
		}
		if view.SubAccountIDs, err = linkedAccounts(ctx, tx, document); err != nil {
			return err
		}
		for _, account := range view.SubAccountIDs {
			if account.ID == document.SubAccountID {
				view.SubAccountName = account.Name
			}
		}
		if view.Users, err = listedUsers(ctx, tx, document); err != nil {
			return err
		}
		if !request.ofClient() {
			if view.UsersNotShown, err = usersNotShown(ctx, tx, document); err != nil {
				return err
			}
		}
		view.MainPOC, err = contacts(ctx, tx, document)
		return err
	})
	if err != nil {
		return DashboardView{}, fmt.Errorf("read dashboard %s: %w", request.SubAccount, err)
	}
	return view, nil
}

func ownDashboard(ctx context.Context, tx pgx.Tx, request DashboardRequest) (domain.Dashboard, error) {
	rows, _ := tx.Query(ctx, `
		select `+dashboardColumns+` from dashboard_preferences d
		where parent_account = $1 and sub_account_id = $4
		  and (`+NotAClient+` or sub_account_id = $2 or `+openToCaller+`)`,
		request.ParentAccount, request.ClientAccount, request.ClientUser, request.SubAccount)
	document, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[domain.Dashboard])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return document, domain.ErrDashboardNotFound
	case err == nil && request.ofClient() && !document.OpensFor(request.ClientUser, request.ClientAccount):
		return document, ErrDashboardNotOpen
	}
	return document, err
}

// mainAccount returns an empty account for an agency that was erased: its clients' dashboards can
// still be opened.
func mainAccount(ctx context.Context, tx pgx.Tx, parent string) (m MainAccount, err error) {
	_, err = pg.ScanOptional(tx.QueryRow(ctx, `
		select name, coalesce('https://' || nullif(custom_domain, ''), white_label_url) from accounts where id = $1`,
		parent), "read main account", &m.Name, &m.LoginURL)
	return m, err
}

// linkedAccounts returns the accounts of the set in order. An account that is no longer in the
// agency's directory has only an id.
func linkedAccounts(ctx context.Context, tx pgx.Tx, document domain.Dashboard) ([]LinkedAccount, error) {
	return pg.List(ctx, tx, "read linked accounts", pgx.RowToStructByPos[LinkedAccount], `
		select s.id, coalesce(a.name, ''), coalesce(a.email, ''), coalesce(a.phone, ''), coalesce(a.address, '')
		from unnest($1::text[]) with ordinality as s(id, n)
		left join accounts a on a.id = s.id and a.parent_account = $2
		order by s.n`, document.SubAccountIDs, document.ParentAccount)
}

func listedUsers(ctx context.Context, tx pgx.Tx, document domain.Dashboard) ([]DashboardUser, error) {
	return pg.List(ctx, tx, "read listed users", pgx.RowToStructByPos[DashboardUser], `
		select u.id, u.name, u.email, u.image, u.account_id, u.is_owner, not u.reset_pending,
		       (select max(login_at) from sessions s where s.user_id = u.id)
		from users u join accounts a on a.id = u.account_id
		where u.id = any($1) and u.account_id = any($2) and u.active and a.parent_account = $3
		order by u.name `+ByName+`, u.id`, document.Users, document.SubAccountIDs, document.ParentAccount)
}

// usersNotShown returns the users on the list that [listedUsers] excludes.
func usersNotShown(ctx context.Context, tx pgx.Tx, document domain.Dashboard) ([]UserNotShown, error) {
	return pg.List(ctx, tx, "read users not shown", pgx.RowToStructByPos[UserNotShown], `
		select l.id, case when a.id is null then 'unknown'
		                  when u.account_id = $3 and u.active then 'agency_staff'
		                  when u.account_id = $3 then 'inactive'
		                  when u.account_id <> all($2) then 'other_account'
		                  else 'inactive' end
		from unnest($1::text[]) as l(id)
		left join (users u join accounts a on a.id = u.account_id and (a.id = $3 or a.parent_account = $3))
			on u.id = l.id
		where a.id is null or not u.active or u.account_id <> all($2) or a.id = $3
		order by l.id`, document.Users, document.SubAccountIDs, document.ParentAccount)
}

// contacts returns the points of contact in order. A person who does not belong to the agency has
// only an id.
func contacts(ctx context.Context, tx pgx.Tx, document domain.Dashboard) ([]POC, error) {
	return pg.List(ctx, tx, "read points of contact", pgx.RowToStructByPos[POC], `
		select p.id, coalesce(u.name, ''), coalesce(u.email, ''), coalesce(u.phone, ''),
		       coalesce(u.image, ''), coalesce(u.meeting_link, '')
		from unnest($1::text[]) with ordinality as p(id, n)
		left join (users u join accounts a on a.id = u.account_id and (a.id = $2 or a.parent_account = $2))
			on u.id = p.id
		order by p.n`, document.MainPOC, document.ParentAccount)
}
