package history

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// ErrUserNotFound is returned for a user that is neither in the agency's directory nor in any
// record of the dashboard, even if the user belongs to another agency.
var ErrUserNotFound = domain.NewError(domain.CodeNotFound,
	"No such user is in your agency or was ever on the list of this dashboard. Check the user id.")

// AccessQuery asks whether a user had access to a dashboard at a moment.
type AccessQuery struct {
	ParentAccount string
	Dashboard     string // sub-account
	User          string
	At            Moment
}

// AccessAnswer says whether a user had access to a dashboard, and which records decided this. It
// uses only the records of the topic `dashboards`; it ignores whether the user or the account was
// active.
type AccessAnswer struct {
	Dashboard Named          `json:"dashboard"`
	User      Named          `json:"user"`
	AsOf      StreamPosition `json:"as_of"`
	// Access is true if `listed` and `allowed` are true; a client user needs both. The user then
	// had each of `scopes`.
	Access  bool            `json:"access"`
	Listed  decidedFlag     `json:"listed"`  // the user was on the list
	Allowed decidedFlag     `json:"allowed"` // the dashboard was open to its clients
	Scopes  []decidedScope  `json:"scopes"`  // scopes of the dashboard
	Role    *DirectoryStaff `json:"role"`    // null if the user is not staff of the agency
}

// decidedFlag is a flag with the record that last changed it.
type decidedFlag struct {
	Value     bool   `json:"value"`
	DecidedBy Record `json:"decided_by"`
}

// decidedScope is a scope of the dashboard with the record that added it.
type decidedScope struct {
	Scope     string `json:"scope"`
	DecidedBy Record `json:"decided_by"`
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

// Access returns the records that decided a user's access as of a moment. It returns the errors of
// [History.State], and [ErrUserNotFound].
func (h *History) Access(ctx context.Context, q AccessQuery) (AccessAnswer, HistoryMeta, error) {
	return answerAt(ctx, h, "access", StateQuery{q.ParentAccount, q.Dashboard, q.At},
		func(tx pgx.Tx, asOf StreamPosition, s *stateRow) (AccessAnswer, error) {
			return access(ctx, tx, q, asOf, s.document)
		})
}

func access(
	ctx context.Context, tx pgx.Tx, q AccessQuery, position StreamPosition, d domain.Dashboard,
) (a AccessAnswer, err error) {
	row := tx.QueryRow(ctx, `select from users where id = $1 and account_id = $2`, q.User, q.ParentAccount)
	staff, err := pg.ScanOptional(row, "read role of user")
	if err != nil {
		return a, err
	}
	decided, err := pg.List(ctx, tx, "find versions that decided access", pgx.RowTo[int64], `
		with h as (
			select version, before, after from dashboard_history
			where parent_account = $1 and sub_account_id = $2 and version <= $3)
		select version from (
			select -1 as n, max(version) as version from h
			where before is null or (before->'users' ? $4) <> (after->'users' ? $4)
			union all
			select 0, max(version) from h
			where before is null or before->'allow_client_dashboard' <> after->'allow_client_dashboard'
			union all
			select n, max(version) from unnest($5::text[]) with ordinality as s(scope, n)
			join h on after->'scopes' ? scope and not coalesce(before->'scopes' ? scope, false) group by n) d
		order by n`,
		q.ParentAccount, q.Dashboard, position.Version, q.User, d.Scopes)
	if err != nil {
		return a, err
	}
	keys := make([]entryKey, len(decided)) // for the list, the flag, and each scope
	for i, version := range decided {
		keys[i] = entryKey{version, q.Dashboard}
	}
	records, err := recordsOf(ctx, tx, q.ParentAccount, keys)
	if err != nil {
		return a, err
	}
	a, err = withNames(ctx, tx, q.ParentAccount, func(n names) AccessAnswer {
		record := func(i int) Record { return n.record(records[keys[i]]) }
		a := AccessAnswer{
			Dashboard: toNamed(n.accounts, q.Dashboard), User: toNamed(n.users, q.User), AsOf: position,
			Scopes: []decidedScope{}, Listed: decidedFlag{slices.Contains(d.Users, q.User), record(0)},
			Allowed: decidedFlag{d.AllowClientDashboard, record(1)},
		}
		a.Access = a.Listed.Value && a.Allowed.Value
		for i, scope := range d.Scopes {
			a.Scopes = append(a.Scopes, decidedScope{scope, record(2 + i)})
		}
		if staff {
			a.Role = new(agencyStaff)
		}
		return a
	})
	if err == nil && a.User.Name == nil {
		err = checkListed(ctx, tx, q.ParentAccount, q.Dashboard, q.User, ErrUserNotFound)
	}
	return a, err
}
