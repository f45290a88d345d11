package readmodels

import (
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
	facts := []func(entryFacts) bool{
		func(e entryFacts) bool { return e.Listed },
		func(e entryFacts) bool { return e.Allowed },
	}
	for _, scope := range d.Scopes {
		facts = append(facts, func(e entryFacts) bool { return slices.Contains(e.Scopes, scope) })
	}
	by, err := decisions(ctx, tx, q, position.Version, facts)
	if err != nil {
		return a, err
	}
	n := newNames()
	for _, record := range by {
		n.noteRecord(record)
	}
	note(n.users, q.User)
	note(n.accounts, q.Dashboard)
	if err := n.read(ctx, tx, q.ParentAccount); err != nil {
		return a, err
	}
	if n.users[q.User] == nil { // who was erased, or has left the agency, is told from one who never was there
		listed, err := found(tx.QueryRow(ctx, `select from dashboard_history
			where parent_account = $1 and sub_account_id = $2 and after->'users' ? $3 limit 1`, q.ParentAccount, q.Dashboard, q.User),
			"look for user in history")
		if err != nil {
			return a, err
		}
		if !listed {
			return a, ErrUserNotFound
		}
	}
	a = AccessAnswer{
		Dashboard: named(n.accounts, q.Dashboard), User: named(n.users, q.User), AsOf: position, Scopes: []DecidedScope{},
		Listed:  DecidedFlag{slices.Contains(d.Users, q.User), n.record(by[0])},
		Allowed: DecidedFlag{d.AllowClientDashboard, n.record(by[1])},
	}
	a.Access = a.Listed.Value && a.Allowed.Value
	for i, scope := range d.Scopes {
		a.Scopes = append(a.Scopes, DecidedScope{scope, n.record(by[2+i])})
	}
	if staff {
		a.Role = new(agencyStaff)
	}
	return a, nil
}
