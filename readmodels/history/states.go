package history

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// DashboardState is the document in the log, with names next to the ids.
type DashboardState struct {
	ID                   string    `json:"id"`                     // id, 24 hex digits
	SubAccountID         string    `json:"sub_account_id"`         // the client of the dashboard, 24 hex digits
	ParentAccount        string    `json:"parent_account"`         // the agency, 24 hex digits
	SubAccountIDs        []Named   `json:"sub_account_ids"`        // the linked accounts, including this one
	Users                []Named   `json:"users"`                  // users on the list
	MainPOC              []Named   `json:"main_poc"`               // points of contact at the agency
	AllowClientDashboard bool      `json:"allow_client_dashboard"` // whether the dashboard is open to its clients
	Scopes               []string  `json:"scopes"`                 // what the dashboard shows to its clients
	CreatedAt            time.Time `json:"created_at"`             // when it was created, UTC
	UpdatedAt            time.Time `json:"updated_at"`             // when it was last changed, UTC
}

// Differences are the changes between two states of one dashboard.
type Differences struct {
	Created          bool     `json:"created"`           // whether there was no dashboard before
	AccountsLinked   []Named  `json:"accounts_linked"`   // accounts that were linked
	AccountsUnlinked []Named  `json:"accounts_unlinked"` // accounts that were unlinked
	UsersAdded       []Named  `json:"users_added"`       // users who were added to the list
	UsersRemoved     []Named  `json:"users_removed"`     // users who were removed from the list
	ScopesAdded      []string `json:"scopes_added"`      // scopes that were added
	ScopesRemoved    []string `json:"scopes_removed"`    // scopes that were removed
	MainPOCAdded     []Named  `json:"main_poc_added"`    // points of contact that were added
	MainPOCRemoved   []Named  `json:"main_poc_removed"`  // points of contact that were removed
	// Whether the dashboard is open to its clients. Null if unchanged.
	AllowClientDashboard *Flip `json:"allow_client_dashboard"`
}

// Flip is a flag before and after.
type Flip struct {
	Before bool `json:"before"` // the value before the change
	After  bool `json:"after"`  // the value after the change
}

// StateAnswer is a dashboard at a moment.
type StateAnswer struct {
	Dashboard Named          `json:"dashboard"` // the sub-account of the dashboard
	AsOf      StreamPosition `json:"as_of"`     // position in the stream at the moment
	State     DashboardState `json:"state"`     // the state at that moment
	// the last record in the prefix that changed this dashboard
	ChangedBy Record `json:"changed_by"`
}

// State returns a dashboard as of the moment At. It returns [domain.ErrDashboardNotFound] for a
// dashboard without history in this agency. If the dashboard did not exist yet, or if the version
// is in the future, it returns another error with code not_found.
func (h *History) State(ctx context.Context, q Query) (StateAnswer, HistoryMeta, error) {
	return answer(ctx, h, "state", q, func(tx pgx.Tx, meta *HistoryMeta, _ pageKey) (a StateAnswer, err error) {
		if meta.AsOf, err = positionAt(ctx, tx, q.ParentAccount, q.At); err != nil {
			return a, err
		}
		last, names, err := readLast(ctx, tx, q, meta.AsOf, q.At, meta.AsOf)
		if err != nil {
			return a, err
		}
		return StateAnswer{names.account(q.Dashboard), meta.AsOf, *names.state(last.after), last.Record}, nil
	})
}

// readLast returns the changes to a dashboard between two positions. Without such changes, it
// returns the last change before them. asked is the moment of the second position.
func readLast(
	ctx context.Context, tx pgx.Tx, q Query, from StreamPosition, asked Moment, to StreamPosition,
) (c change, n names, err error) {
	all, err := pg.List(ctx, tx, "find last change", scanFound, `
		select max(version), sub_account_id, $3::bigint, count(*) filter (where version > $3), 0 from dashboard_history
		where parent_account = $1 and sub_account_id = $2 and version <= $4 group by sub_account_id`,
		q.ParentAccount, q.Dashboard, from.Version, to.Version)
	if err == nil && len(all) == 0 {
		err = notYet(ctx, tx, q.ParentAccount, q.Dashboard, asked)
	}
	if err != nil {
		return c, n, err
	}
	changes, n, err := readChanges(ctx, tx, q.ParentAccount, all)
	if err != nil {
		return c, n, err
	}
	return changes[0], n, nil
}

// DiffAnswer is the difference between two moments of one dashboard.
type DiffAnswer struct {
	Dashboard Named           `json:"dashboard"` // the sub-account of the dashboard
	From      StreamPosition  `json:"from"`      // the earlier moment
	To        StreamPosition  `json:"to"`        // the later moment
	Before    *DashboardState `json:"before"`    // the state at `from`; null if the dashboard did not exist yet
	After     DashboardState  `json:"after"`     // the state at `to`
	Changes   Differences     `json:"changes"`   // what changed between `before` and `after`
	// number of records between the two moments that changed this dashboard
	Records int64 `json:"records"`
}

// Diff returns the changes to a dashboard after the moment From and up to To, which is now if it is
// zero. It returns the errors of [History.State] for the
// later moment, and an error with code invalid if the moments are in the wrong order.
func (h *History) Diff(ctx context.Context, q Query) (DiffAnswer, HistoryMeta, error) {
	return answer(ctx, h, "difference", q, func(tx pgx.Tx, meta *HistoryMeta, _ pageKey) (a DiffAnswer, err error) {
		from, to, err := diffEnds(ctx, tx, q, meta.AsOf)
		if err != nil {
			return a, err
		}
		meta.AsOf = to
		last, names, err := readLast(ctx, tx, q, from, q.To, to)
		if err != nil {
			return a, err
		}
		return names.difference(last, from, to), nil
	})
}

func diffEnds(ctx context.Context, tx pgx.Tx, q Query, now StreamPosition) (from, to StreamPosition, err error) {
	if from, err = positionAt(ctx, tx, q.ParentAccount, q.From); err != nil {
		return from, to, err
	}
	if to = now; !q.To.IsZero() {
		to, err = positionAt(ctx, tx, q.ParentAccount, q.To)
	}
	if err == nil && from.Version > to.Version {
		err = domain.NewError(domain.CodeInvalid, "from (%s) is after to (%s). Swap them.", q.From, q.To).
			WithField("from", "is after to")
	}
	return from, to.within(now), err
}

// Diffs returns a page of all dashboards that changed after the moment From and up to To, with
// their differences, the most recently changed first. All pages use the same two moments. It
// returns an error with code invalid if the moments are in the wrong order.
func (h *History) Diffs(ctx context.Context, q Query) ([]DiffAnswer, HistoryMeta, error) {
	const list = "differences"
	q.Dashboard = ""
	return answer(ctx, h, list, q, func(tx pgx.Tx, meta *HistoryMeta, after pageKey) ([]DiffAnswer, error) {
		from, to, err := diffEnds(ctx, tx, q, meta.AsOf)
		if err != nil {
			return nil, err
		}
		all, err := pg.List(ctx, tx, "find changed dashboards", scanFound, `
			select max(version) as last, sub_account_id, @from::bigint, count(*),
			       max(users_count + cardinality(sub_account_ids))
			from dashboard_history
			where parent_account = @parent and version > @from and version <= @to and skip is null
			group by sub_account_id
			having @after_version::bigint = 0 or (max(version), sub_account_id) < (@after_version, @after_dashboard)
			order by last desc, sub_account_id desc limit @limit`,
			pgx.NamedArgs{
				"parent": q.ParentAccount, "from": from.Version, "to": to.Version,
				"after_version": after.Version, "after_dashboard": after.Dashboard, "limit": q.Limit + 1,
			})
		if err != nil {
			return nil, err
		}
		page, err := h.firstPage(list, q, all, meta)
		if err != nil {
			return nil, err
		}
		meta.AsOf = to
		changes, names, err := readChanges(ctx, tx, q.ParentAccount, page)
		answers := make([]DiffAnswer, len(changes))
		for i, c := range changes {
			answers[i] = names.difference(c, from, to)
		}
		return answers, err
	})
}

func (n names) difference(c change, from, to StreamPosition) DiffAnswer {
	return DiffAnswer{
		Dashboard: n.account(c.dashboard), From: from, To: to, Before: n.state(c.before), After: *n.state(c.after),
		Changes: n.differences(c.before, *c.after), Records: c.records,
	}
}
