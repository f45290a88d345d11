package history

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// ErrUserNotFound is returned for a user that is not in the agency's directory and was never on a
// list of its dashboards, even if the user belongs to another agency.
var ErrUserNotFound = domain.NewError(domain.CodeNotFound,
	"No such user is in your agency or was ever on the list of one of its dashboards. Check the user id.")

// AccessAnswer says whether a user had access to a dashboard, and which records decided this. It
// uses only the records of the topic `dashboards`; it ignores whether the user or the account was
// active.
type AccessAnswer struct {
	Dashboard Named          `json:"dashboard"` // the sub-account of the dashboard
	User      Named          `json:"user"`      // the user
	AsOf      StreamPosition `json:"as_of"`     // the position in the agency's stream up to which the response is complete
	// Access is true if `listed` and `allowed` are true; a client user needs both. The user then
	// had each of `scopes`.
	Access  bool           `json:"access"`
	Listed  decidedFlag    `json:"listed"`  // the user was on the list
	Allowed decidedFlag    `json:"allowed"` // the dashboard was open to its clients
	Scopes  []decidedScope `json:"scopes"`  // scopes of the dashboard
	// The role that allowed the action. Null if the user is not staff of the agency.
	Role *DirectoryStaff `json:"role"`
}

// decidedFlag is a flag with the record that last changed it.
type decidedFlag struct {
	Value     bool   `json:"value"`      // the value
	DecidedBy Record `json:"decided_by"` // the record that set the value
}

// decidedScope is a scope of the dashboard with the record that added it.
type decidedScope struct {
	Scope     string `json:"scope"`      // name of the scope
	DecidedBy Record `json:"decided_by"` // the record that set the value
}

// DirectoryStaff says that the user is staff of the agency. Staff can open every dashboard because
// of their role, regardless of lists. The log does not contain staff, so this is the current state
// of the directory.
type DirectoryStaff struct {
	Role string `json:"role"` // always agency
	// always true: the role is the current one, not the one at the requested moment
	Today bool `json:"today"`
}

var agencyStaff = DirectoryStaff{Role: "agency", Today: true}

// Access returns the records that decided the access of User to Dashboard as of the moment At. It
// returns the errors of [History.State], and [ErrUserNotFound].
func (h *History) Access(ctx context.Context, q Query) (AccessAnswer, HistoryMeta, error) {
	return answer(ctx, h, "access", q, func(tx pgx.Tx, meta *HistoryMeta, _ pageKey) (a AccessAnswer, err error) {
		if meta.AsOf, err = positionAt(ctx, tx, q.ParentAccount, q.At); err != nil {
			return a, err
		}
		a.AsOf = meta.AsOf
		return a, a.read(ctx, tx, q)
	})
}

// containsAt returns the condition that a span contains the version @at.
func containsAt(span string) string {
	return fmt.Sprintf("%[1]s.from_version <= @at and %[1]s.to_version > @at", span)
}

func (a *AccessAnswer) read(ctx context.Context, tx pgx.Tx, q Query) error {
	var listedSince, openSince int64 // listedSince: the creation of the dashboard if the user was never on the list
	var scopes []string
	var scopesSince []int64
	var staff bool
	user, err := q.user(ctx, tx)
	if err != nil {
		return err
	}
	a.User = *user
	exists, err := pg.ScanOptional(tx.QueryRow(ctx, `
		select @dashboard, `+accountNameOf("@dashboard")+`,
		  coalesce(l.listed, false), case when l.listed then l.from_version else coalesce(l.to_version, (
			select min(from_version) from dashboard_allowed where parent_account = @parent and sub_account_id = @dashboard)) end,
		  h.open, h.open_since, h.scopes, h.scopes_since,
		  exists (select from users where id = @user and account_id = @parent)
		from dashboard_allowed h left join lateral (
			select from_version, to_version, `+containsAt("s")+` as listed from dashboard_listed s
			where parent_account = @parent and sub_account_id = @dashboard and user_id = @user and from_version <= @at
			order by from_version desc limit 1) l on true
		where h.parent_account = @parent and h.sub_account_id = @dashboard and `+containsAt("h"),
		pgx.NamedArgs{"parent": q.ParentAccount, "dashboard": q.Dashboard, "user": q.User, "at": a.AsOf.Version}),
		"find versions that decided access", &a.Dashboard.ID, &a.Dashboard.Name,
		&a.Listed.Value, &listedSince, &a.Allowed.Value, &openSince, &scopes, &scopesSince, &staff)
	if err == nil && !exists {
		err = notYet(ctx, tx, q.ParentAccount, q.Dashboard, q.At)
	}
	if err != nil {
		return err
	}
	records, err := readRecords(ctx, tx, q.ParentAccount, append([]int64{listedSince, openSince}, scopesSince...))
	a.Access = a.Listed.Value && a.Allowed.Value
	a.Listed.DecidedBy, a.Allowed.DecidedBy = records[listedSince], records[openSince]
	a.Scopes = make([]decidedScope, len(scopes))
	for i, scope := range scopes {
		a.Scopes[i] = decidedScope{scope, records[scopesSince[i]]}
	}
	if staff {
		a.Role = new(agencyStaff)
	}
	return err
}
