package readmodels

import (
	"context"
	"fmt"
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

// Access returns what decided a user's access as of a moment. Errors are those of [History.State], and
// [ErrUserNotFound].
func (h *History) Access(ctx context.Context, q AccessQuery) (AccessAnswer, HistoryMeta, error) {
	return answerHistory(ctx, h, "access", q.ParentAccount, q.Dashboard, func(tx pgx.Tx, meta *HistoryMeta) (a AccessAnswer, err error) {
		if meta.AsOf, err = positionAt(ctx, tx, q.ParentAccount, q.At); err != nil {
			return a, err
		}
		s, err := existingAt(ctx, tx, q.ParentAccount, q.Dashboard, q.At, meta.AsOf)
		if err != nil {
			return a, err
		}
		return access(ctx, tx, q, meta.AsOf, s.document)
	})
}

func access(ctx context.Context, tx pgx.Tx, q AccessQuery, position StreamPosition, d domain.Dashboard) (AccessAnswer, error) {
	staff, err := staffRole(ctx, tx, q)
	if err != nil {
		return AccessAnswer{}, err
	}
	made, err := decisions(ctx, tx, q, position.Version, d.Scopes)
	if err != nil {
		return AccessAnswer{}, err
	}
	w := newNameLookup()
	for _, record := range made.records {
		record.note(w)
	}
	w.users(q.User)
	w.accounts(q.Dashboard)
	n, err := w.read(ctx, tx, q.ParentAccount)
	if err != nil {
		return AccessAnswer{}, err
	}
	if _, known := n.users[q.User]; !known {
		if err := checkEverListed(ctx, tx, q); err != nil {
			return AccessAnswer{}, err
		}
	}
	a := AccessAnswer{
		Dashboard: n.account(q.Dashboard), User: n.user(q.User), AsOf: position, Role: staff, Scopes: []DecidedScope{},
		Listed:  DecidedFlag{slices.Contains(d.Users, q.User), made.record(made.listed).named(n)},
		Allowed: DecidedFlag{d.AllowClientDashboard, made.record(made.allowed).named(n)},
	}
	a.Access = a.Listed.Value && a.Allowed.Value
	for _, scope := range d.Scopes {
		a.Scopes = append(a.Scopes, DecidedScope{scope, made.record(made.scopes[scope]).named(n)})
	}
	return a, nil
}

func staffRole(ctx context.Context, tx pgx.Tx, q AccessQuery) (*DirectoryStaff, error) {
	var staff bool
	err := tx.QueryRow(ctx, `select exists (select from users where id = $1 and account_id = $2)`, q.User, q.ParentAccount).Scan(&staff)
	if err != nil {
		return nil, fmt.Errorf("read role of user: %w", err)
	}
	if !staff {
		return nil, nil
	}
	return &DirectoryStaff{Role: "agency", Today: true}, nil
}

// checkEverListed tells a user who was erased, or has left the agency, from one who never was there.
func checkEverListed(ctx context.Context, tx pgx.Tx, q AccessQuery) error {
	var listed bool
	err := tx.QueryRow(ctx, `select exists (select from dashboard_history
		where parent_account = $1 and sub_account_id = $2 and after->'users' ? $3)`, q.ParentAccount, q.Dashboard, q.User).Scan(&listed)
	if err != nil {
		return fmt.Errorf("look for user in history: %w", err)
	}
	if !listed {
		return ErrUserNotFound
	}
	return nil
}
