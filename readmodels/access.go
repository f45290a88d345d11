package readmodels

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrUserNotFound is the one answer for a user whom neither the agency's directory holds nor any
// record of the dashboard names, whatever other agency the user may belong to.
var ErrUserNotFound = domain.NewError(domain.CodeNotFound,
	"There is no such user in your agency, and none was ever on the list of this dashboard. Check the user id.")

// AccessQuery asks whether a user had access to a dashboard at a moment.
type AccessQuery struct {
	ParentAccount string
	Dashboard     string // sub-account
	User          string
	At            Moment
}

// AccessAnswer says who had access to what by which decisions: from the records of
// `dashboards` alone. Whether the user or its account was active is no part of it.
type AccessAnswer struct {
	Dashboard Named          `json:"dashboard"`
	User      Named          `json:"user"`
	AsOf      StreamPosition `json:"as_of"`
	// Access is `listed` and `allowed`: what a client user needs. Each of `scopes` was then open to the user.
	Access  bool            `json:"access"`
	Listed  DecidedFlag     `json:"listed"`  // the user was on the list
	Allowed DecidedFlag     `json:"allowed"` // the dashboard was open to its clients
	Scopes  []DecidedScope  `json:"scopes"`  // of the dashboard
	Role    *DirectoryStaff `json:"role"`    // null: no staff of the agency
}

// DecidedFlag is a fact and the record that made it so.
type DecidedFlag struct {
	Value     bool   `json:"value"`
	DecidedBy Record `json:"decided_by"`
}

// DecidedScope is a scope of the dashboard and the record that gave it.
type DecidedScope struct {
	Scope     string `json:"scope"`
	DecidedBy Record `json:"decided_by"`
}

// DirectoryStaff says that the user is staff of the agency: such users open every dashboard by their
// role, whatever lists say. The log does not know staff, so this is the directory's word of today.
type DirectoryStaff struct {
	Role  string `json:"role"`  // agency
	Today bool   `json:"today"` // always true: as the directory holds it today, not as of the moment
}

// agencyStaff is of all staff.
var agencyStaff = DirectoryStaff{Role: "agency", Today: true}

// Access returns what decided a user's access as of a moment. Errors are those of [History.State], and
// [ErrUserNotFound].
func (h *History) Access(ctx context.Context, q AccessQuery) (AccessAnswer, HistoryMeta, error) {
	return answerAt(ctx, h, "access", StateQuery{q.ParentAccount, q.Dashboard, q.At},
		func(tx pgx.Tx, asOf StreamPosition, s *stateRow) (AccessAnswer, error) {
			return access(ctx, tx, q, asOf, s.document)
		})
}

func access(ctx context.Context, tx pgx.Tx, q AccessQuery, position StreamPosition, d domain.Dashboard) (a AccessAnswer, err error) {
	staff, err := found(tx.QueryRow(ctx, `select from users where id = $1 and account_id = $2`, q.User, q.ParentAccount), "read role of user")
	if err != nil {
		return a, err
	}
	decided := map[string]int64{} // by scope
	var listed, allowed int64
	err = foldAccess(ctx, tx, SpansQuery{ParentAccount: q.ParentAccount, Dashboard: q.Dashboard, User: q.User},
		spanKey{Until: position.Version}, position.Version, func(d *dashboardAccess) bool {
			listed, allowed = cmp.Or(d.listed[q.User], d.emptied), cmp.Or(d.allowed, d.closed)
			for _, s := range d.scopes {
				decided[s.scope] = s.given
			}
			return true
		})
	if err != nil {
		return a, err
	}
	keys := []entryKey{{listed, q.Dashboard}, {allowed, q.Dashboard}}
	for _, scope := range d.Scopes {
		keys = append(keys, entryKey{decided[scope], q.Dashboard})
	}
	records, err := recordsOf(ctx, tx, q.ParentAccount, keys)
	if err != nil {
		return a, err
	}
	a, err = withNames(ctx, tx, q.ParentAccount, func(n names) AccessAnswer {
		by := func(i int) Record { return n.record(records[keys[i]]) }
		a := AccessAnswer{
			Dashboard: named(n.accounts, q.Dashboard), User: named(n.users, q.User), AsOf: position, Scopes: []DecidedScope{},
			Listed:  DecidedFlag{slices.Contains(d.Users, q.User), by(0)},
			Allowed: DecidedFlag{d.AllowClientDashboard, by(1)},
		}
		a.Access = a.Listed.Value && a.Allowed.Value
		for i, scope := range d.Scopes {
			a.Scopes = append(a.Scopes, DecidedScope{scope, by(2 + i)})
		}
		if staff {
			a.Role = new(agencyStaff)
		}
		return a
	})
	if err == nil && a.User.Name == nil {
		err = wasListed(ctx, tx, q.ParentAccount, q.Dashboard, q.User, ErrUserNotFound)
	}
	return a, err
}
