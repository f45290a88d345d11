package history

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// DashboardState is the document in the log, with names next to the ids.
type DashboardState struct {
	ID                   string    `json:"id"`
	SubAccountID         string    `json:"sub_account_id"`
	ParentAccount        string    `json:"parent_account"`
	SubAccountIDs        []Named   `json:"sub_account_ids"`
	Users                []Named   `json:"users"`    // users on the list
	MainPOC              []Named   `json:"main_poc"` // points of contact at the agency
	AllowClientDashboard bool      `json:"allow_client_dashboard"`
	Scopes               []string  `json:"scopes"`
	CreatedAt            time.Time `json:"created_at"`
	UpdatedAt            time.Time `json:"updated_at"`
}

// Differences are the changes between two states of one dashboard.
type Differences struct {
	Created              bool     `json:"created"` // whether there was no dashboard before
	AccountsLinked       []Named  `json:"accounts_linked"`
	AccountsUnlinked     []Named  `json:"accounts_unlinked"`
	UsersAdded           []Named  `json:"users_added"`
	UsersRemoved         []Named  `json:"users_removed"`
	ScopesAdded          []string `json:"scopes_added"`
	ScopesRemoved        []string `json:"scopes_removed"`
	MainPOCAdded         []Named  `json:"main_poc_added"`
	MainPOCRemoved       []Named  `json:"main_poc_removed"`
	AllowClientDashboard *Flip    `json:"allow_client_dashboard"` // null if unchanged
}

// Flip is a flag before and after.
type Flip struct {
	Before bool `json:"before"`
	After  bool `json:"after"`
}

// StateAnswer is a dashboard at a moment.
type StateAnswer struct {
	Dashboard Named          `json:"dashboard"`
	AsOf      StreamPosition `json:"as_of"` // position in the stream at the moment
	State     DashboardState `json:"state"`
	// the last record in the prefix that changed this dashboard
	ChangedBy Record `json:"changed_by"`
}

// State returns a dashboard as of the moment At. It returns [domain.ErrDashboardNotFound] for a
// dashboard without history in this agency. If the dashboard did not exist yet, or if the version
// is in the future, it returns another error with code not_found.
func (h *History) State(ctx context.Context, q Query) (StateAnswer, HistoryMeta, error) {
	return answer(ctx, h, "state", q, func(tx pgx.Tx, meta *HistoryMeta) (a StateAnswer, err error) {
		if meta.AsOf, err = positionAt(ctx, tx, q.ParentAccount, q.At); err != nil {
			return a, err
		}
		changes, names, _, err := readChanges(ctx, tx, statement{
			order: "version desc",
			sql: eachChange + ` where parent_account = @parent and sub_account_id = @dashboard and version <= @at
				order by version desc limit 1`,
			args: pgx.NamedArgs{"parent": q.ParentAccount, "dashboard": q.Dashboard, "at": meta.AsOf.Version},
		}, 1, h.PageIDs)
		if err == nil && len(changes) == 0 {
			err = notYet(ctx, tx, q.ParentAccount, q.Dashboard, q.At)
		}
		if err != nil {
			return a, err
		}
		last := changes[0]
		return StateAnswer{names.account(q.Dashboard), meta.AsOf, *names.state(last.after), last.Record}, nil
	})
}

// DiffAnswer is the difference between two moments of one dashboard.
type DiffAnswer struct {
	Dashboard Named           `json:"dashboard"`
	From      StreamPosition  `json:"from"`   // the earlier moment
	To        StreamPosition  `json:"to"`     // the later moment
	Before    *DashboardState `json:"before"` // the state at `from`; null if the dashboard did not exist yet
	After     DashboardState  `json:"after"`  // the state at `to`
	Changes   Differences     `json:"changes"`
	// number of records between the two moments that changed this dashboard
	Records int64 `json:"records"`
}

// Diff returns the changes to a dashboard after the moment From and up to To, which is now if it is
// zero. It returns the errors of [History.State] for the
// later moment, and an error with code invalid if the moments are in the wrong order.
func (h *History) Diff(ctx context.Context, q Query) (DiffAnswer, HistoryMeta, error) {
	return answer(ctx, h, "difference", q, func(tx pgx.Tx, meta *HistoryMeta) (a DiffAnswer, err error) {
		from, to, err := diffEnds(ctx, tx, q.ParentAccount, q.From, q.To)
		if err != nil {
			return a, err
		}
		meta.AsOf = to
		changes, names, _, err := readChanges(ctx, tx, statement{
			order: "version desc",
			sql: `
				select h.*, @from::bigint as since, 0 as size, (
					select count(*) from dashboard_history where parent_account = @parent and sub_account_id = @dashboard
					  and version > @from and version <= @to) as records
				from dashboard_history h where parent_account = @parent and sub_account_id = @dashboard and version <= @to
				order by version desc limit 1`,
			args: pgx.NamedArgs{
				"parent": q.ParentAccount, "dashboard": q.Dashboard, "from": from.Version, "to": to.Version,
			},
		}, 1, h.PageIDs)
		if err == nil && len(changes) == 0 {
			err = notYet(ctx, tx, q.ParentAccount, q.Dashboard, q.To)
		}
		if err != nil {
			return a, err
		}
		return names.difference(changes[0], from, to), nil
	})
}

func diffEnds(
	ctx context.Context, tx pgx.Tx, parent string, earlier, later Moment,
) (from, to StreamPosition, err error) {
	if from, err = positionAt(ctx, tx, parent, earlier); err != nil {
		return from, to, err
	}
	if to, err = positionAt(ctx, tx, parent, later); err == nil && from.Version > to.Version {
		err = domain.NewError(domain.CodeInvalid, "from (%s) is after to (%s). Swap them.", earlier, later).
			WithField("from", "is after to")
	}
	return from, to, err
}

// diffKey is the position of a dashboard in the list of differences, within the prefix of the
// stream that the first page used.
type diffKey struct {
	Until     int64  `json:"u"` // version
	Version   int64  `json:"v"` // of the dashboard's last change in the prefix
	Dashboard string `json:"d"`
}

// Diffs returns a page of all dashboards that changed after the moment From and up to To, with their
// differences, the most recently changed first. All pages use the same two moments. It returns an error with
// code invalid if the moments are in the wrong order.
func (h *History) Diffs(ctx context.Context, q Query) ([]DiffAnswer, HistoryMeta, error) {
	q.Dashboard = ""
	return answer(ctx, h, "differences", q, func(tx pgx.Tx, meta *HistoryMeta) ([]DiffAnswer, error) {
		after, err := readmodels.DecodeCursor[diffKey](q.Cursor, q.cursors("differences"))
		if err != nil {
			return nil, err
		}
		later := q.To
		if after == nil {
			after = &diffKey{Version: math.MaxInt64}
		} else {
			later = Moment{Version: after.Until}
		}
		from, to, err := diffEnds(ctx, tx, q.ParentAccount, q.From, later)
		if err != nil {
			return nil, err
		}
		meta.AsOf = to
		changes, names, more, err := readChanges(ctx, tx, statement{
			order: "version desc, sub_account_id desc",
			sql: `
				select h.*, @from::bigint as since, size, records from (
					select max(version) as last, sub_account_id, count(*) as records,
					       max(users_count + cardinality(sub_account_ids)) as size
					from dashboard_history
					where parent_account = @parent and version > @from and version <= @to and skip is null
					group by sub_account_id having (max(version), sub_account_id) < (@version::bigint, @dashboard::text)
					order by last desc, sub_account_id desc limit @limit) d
				join dashboard_history h on h.parent_account = @parent and h.sub_account_id = d.sub_account_id
				  and h.version = d.last`,
			args: pgx.NamedArgs{
				"parent": q.ParentAccount, "from": from.Version, "to": to.Version,
				"version": after.Version, "dashboard": after.Dashboard, "limit": q.Limit + 1,
			},
		}, q.Limit, h.PageIDs)
		if err != nil {
			return nil, err
		}
		if more {
			last := changes[len(changes)-1]
			meta.NextCursor, err = readmodels.EncodeCursor(q.cursors("differences"), diffKey{to.Version, last.Version, last.dashboard})
		}
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
