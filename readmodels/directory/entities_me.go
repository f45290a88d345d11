package directory

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// MeRequest identifies a caller.
type MeRequest struct {
	User    string // the user in the token; "" for a program
	Account string // the account in the token; "" for an operator
	Parent  string // the agency; "" for an operator
	Client  bool   // the user is a client user, not staff of the agency
}

// Me is the caller's identity and permissions.
type Me struct {
	UserID string   `json:"user_id"` // the token's subject
	User   *MeUser  `json:"user"`    // the user. Null if the user is not in the directory.
	Roles  []string `json:"roles"`   // the caller's roles
	// Account is the account in the token; null if the token has no account, as for operators.
	Account *AccountName `json:"account"`
	// The agency that the caller belongs to. Null if the caller does not act for an agency.
	Agency *MeAgency `json:"agency"`
	// TimeZone is the time zone of the account, or else of the agency: an IANA name; null if neither
	// has one
	TimeZone domain.OptionalText `json:"time_zone"`
	// all scopes of the dashboards that a client user may open; empty for users who are only agency
	// staff or auditors, because their role decides
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at"` // when the token is no longer accepted; null if never
	Opens     meOpens    `json:"opens"`      // what the caller can open
}

// MeAgency is the agency for which the caller acts.
type MeAgency struct {
	AccountName
	Color domain.OptionalText `json:"colour"` // #rrggbb; null if the directory has no color
	Logo  bool                `json:"logo"`   // whether the agency has a logo: /api/logo
}

// MeUser is the caller's entry in the directory.
type MeUser struct {
	Name    string              `json:"name"`     // name, as in the directory
	Email   domain.OptionalText `json:"email"`    // email address. Null if unknown.
	Image   domain.OptionalText `json:"image"`    // URL of a picture; null if the user has no picture
	IsOwner bool                `json:"is_owner"` // whether the user owns the account
	// Whether the user is active. Also false while a password reset is pending.
	Active bool `json:"active"`
}

// meOpens lists the rights of the caller.
type meOpens struct {
	// the caller may open every dashboard of the agency; /api/dashboards lists them
	AllDashboards bool `json:"all_dashboards"`
	// Dashboards are the dashboards that a client user may open; empty for users who are only
	// agency staff or auditors.
	Dashboards        []MeDashboard `json:"dashboards"`
	ChangesDashboards bool          `json:"changes_dashboards"` // the caller may change dashboards
	// the caller may read analytics, users, platforms, activities and stats
	Figures   bool `json:"figures"`
	Audit     bool `json:"audit"`     // the caller may read and export the history
	Operators bool `json:"operators"` // the caller may use /api/ops
}

// MeDashboard is a dashboard that a client user may open.
type MeDashboard struct {
	SubAccountID string `json:"sub_account_id"` // the client of the dashboard, 24 hex digits
	// Name of the client. Null if the client is not in the directory.
	SubAccountName domain.OptionalText `json:"sub_account_name"`
	Scopes         []string            `json:"scopes"` // what the dashboard shows to its clients
}

// Me returns a caller's identity and permissions from the directory and the dashboards. The caller
// of Me sets the roles and the fields that depend on roles and token.
func (e Entities) Me(ctx context.Context, r MeRequest) (Me, error) {
	me := Me{UserID: r.User, Scopes: []string{}, Opens: meOpens{Dashboards: []MeDashboard{}}}
	err := pg.Snapshot(ctx, e.Pool, func(tx pgx.Tx) error {
		if r.Parent == "" {
			return nil
		}
		var user MeUser
		known, err := pg.ScanOptional(tx.QueryRow(ctx, `
			select u.name, u.email, u.image, u.is_owner, u.active and not u.reset_pending
			from users u where u.id = $1 and u.account_id = $2`, r.User, r.Account), "read user",
			&user.Name, &user.Email, &user.Image, &user.IsOwner, &user.Active)
		if err != nil {
			return err
		}
		if known {
			me.User = &user
		}
		me.Account, me.Agency = &AccountName{ID: r.Account}, &MeAgency{AccountName: AccountName{ID: r.Parent}}
		err = tx.QueryRow(ctx, `
			select coalesce(p.name, ''), coalesce(p.colour, ''), coalesce(p.logo, '') <> '', coalesce(a.name, ''),
			       coalesce(nullif(a.time_zone, ''), p.time_zone, '') from (values (1)) one
			left join accounts p on p.id = $1 left join accounts a on a.id = $2 and $1 in (a.id, a.parent_account)`,
			r.Parent, r.Account).
			Scan(&me.Agency.Name, &me.Agency.Color, &me.Agency.Logo, &me.Account.Name, &me.TimeZone)
		if err != nil || !r.Client {
			return pg.Wrap("read agency", err)
		}
		me.Opens.Dashboards, err = pg.List(ctx, tx, "read open dashboards", pgx.RowToStructByPos[MeDashboard], `
			select d.sub_account_id, coalesce(a.name, ''), d.scopes
			from dashboard_preferences d left join accounts a on a.id = d.sub_account_id and a.parent_account = $1
			where d.parent_account = $1 and `+readmodels.Opens("$3", "$2")+`
			order by d.sub_account_id`, r.Parent, r.Account, r.User)
		return err
	})
	if err != nil {
		return Me{}, fmt.Errorf("read user %s: %w", r.User, err)
	}
	for _, d := range me.Opens.Dashboards {
		me.Scopes = append(me.Scopes, d.Scopes...)
		me.Opens.Figures = me.Opens.Figures || slices.Contains(d.Scopes, readmodels.FiguresScope)
	}
	slices.Sort(me.Scopes)
	me.Scopes = slices.Compact(me.Scopes)
	return me, nil
}

// Logo returns the media type and the bytes of the logo of an agency. The error is not_found if the
// agency has none.
func (e Entities) Logo(ctx context.Context, parent string) (mediaType string, picture []byte, err error) {
	var uri string
	_, err = pg.ScanOptional(e.Pool.QueryRow(ctx, `select logo from accounts where id = $1`, parent), "read logo", &uri)
	if err != nil {
		return "", nil, err
	}
	if uri == "" {
		return "", nil, domain.NewError(domain.CodeNotFound, "The agency has no logo.")
	}
	mediaType, encoded, err := domain.SplitLogo(uri)
	if err != nil {
		return "", nil, err
	}
	picture, err = base64.StdEncoding.DecodeString(encoded)
	return mediaType, picture, err
}
