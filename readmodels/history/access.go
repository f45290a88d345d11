package history

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
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
		func(tx pgx.Tx, asOf StreamPosition, _ *stateRow) (AccessAnswer, error) {
			return access(ctx, tx, q, asOf)
		})
}

// containsAt returns the condition that a span contains the version @at.
func containsAt(span string) string {
	return fmt.Sprintf("%[1]s.from_version <= @at and (%[1]s.to_version is null or %[1]s.to_version > @at)", span)
}

// decidingVersions are the versions that decided a user's access.
type decidingVersions struct {
	Listed      bool
	ListedSince int64 // the creation of the dashboard if the user was never on the list
	Open        bool
	OpenSince   int64
	Scopes      []string
	ScopesSince []int64
	Staff       bool // in the directory
	EverListed  bool
}

func access(ctx context.Context, tx pgx.Tx, q AccessQuery, position StreamPosition) (a AccessAnswer, err error) {
	rows, _ := tx.Query(ctx, `
		select coalesce(l.listed, false), case when l.listed then l.from_version else coalesce(l.to_version, (
			select min(from_version) from dashboard_allowed where parent_account = @parent and sub_account_id = @dashboard)) end,
		  a.open, a.open_since, a.scopes, a.scopes_since,
		  exists (select from users where id = @user and account_id = @parent),
		  exists (select from dashboard_listed
			where parent_account = @parent and sub_account_id = @dashboard and user_id = @user)
		from dashboard_allowed a left join lateral (
			select from_version, to_version, `+containsAt("s")+` as listed from dashboard_listed s
			where parent_account = @parent and sub_account_id = @dashboard and user_id = @user and from_version <= @at
			order by from_version desc limit 1) l on true
		where a.parent_account = @parent and a.sub_account_id = @dashboard and `+containsAt("a"),
		pgx.NamedArgs{"parent": q.ParentAccount, "dashboard": q.Dashboard, "user": q.User, "at": position.Version})
	d, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[decidingVersions])
	if err != nil {
		return a, fmt.Errorf("find versions that decided access: %w", err)
	}
	records, err := recordsOf(ctx, tx, q.ParentAccount, func(add func(entryKey)) {
		for _, version := range append([]int64{d.ListedSince, d.OpenSince}, d.ScopesSince...) {
			add(entryKey{version, q.Dashboard})
		}
	})
	if err != nil {
		return a, err
	}
	m := mentioned{users: []string{q.User}, accounts: []string{q.Dashboard}}
	for _, r := range records {
		m.record(r)
	}
	n, err := m.read(ctx, tx, q.ParentAccount)
	record := func(version int64) Record { return n.record(records[entryKey{version, q.Dashboard}]) }
	a = AccessAnswer{
		Dashboard: n.account(q.Dashboard), User: n.user(q.User), AsOf: position, Access: d.Listed && d.Open,
		Listed: decidedFlag{d.Listed, record(d.ListedSince)}, Allowed: decidedFlag{d.Open, record(d.OpenSince)},
		Scopes: make([]decidedScope, len(d.Scopes)),
	}
	for i, scope := range d.Scopes {
		a.Scopes[i] = decidedScope{scope, record(d.ScopesSince[i])}
	}
	if d.Staff {
		a.Role = new(agencyStaff)
	}
	if err == nil && a.User.Name == nil && !d.EverListed {
		err = ErrUserNotFound
	}
	return a, err
}
