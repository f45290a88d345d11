package console

import (
	"net/url"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// mostClosed bounds the boards without access that a page shows; each takes one or two questions to the API.
const mostClosed = 20

// closedBoard is a board to which nobody had access at the instant, and the record that decided it.
type closedBoard struct {
	Board    readmodels.Named
	Open     bool // to its clients, and yet nobody was on its list
	Decision decision
}

// closedBoards adds the boards to which nobody had access.
func (v *visit) closedBoards(shown *accessView) error {
	all, meta, err := getMeta[[]readmodels.DashboardSummary, readmodels.ListMeta](
		v, "/api/dashboards", url.Values{"exists": {"true"}, "limit": {"500"}})
	if err != nil {
		return err
	}
	if meta.NextCursor != "" {
		shown.Left++ // at least
	}
	for _, d := range all {
		if slices.ContainsFunc(shown.Boards, func(b accessBoard) bool { return b.ID == d.SubAccountID }) {
			continue
		}
		if len(shown.Closed) == mostClosed {
			shown.Left++
			continue
		}
		state, err := v.stateThen(d.SubAccountID, shown.Instant)
		if domain.CodeOf(err) == domain.CodeNotFound {
			continue // it was made later
		}
		if err != nil {
			return err
		}
		closed := closedBoard{Board: state.Dashboard, Open: state.State.AllowClientDashboard}
		by := state.ChangedBy
		if !closed.Open {
			if by, err = v.closedBy(d.SubAccountID, shown.Instant, by); err != nil {
				return err
			}
		}
		closed.Decision = decided(by, d.SubAccountID)
		shown.Closed = append(shown.Closed, closed)
	}
	return nil
}

// mayClose are the types of records that can close a board or make a closed one: all but those of the list.
const mayClose = "opened,accounts_linked,accounts_unlinked,settings_changed,imported"

// closedBy is the record that closed a board, or made it closed; last where that lies too far behind.
func (v *visit) closedBy(board string, at time.Time, last readmodels.Record) (readmodels.Record, error) {
	asked := search{dashboard: board, action: mayClose}
	q := asked.query()
	if !at.IsZero() {
		q.Set("to", at.Add(time.Microsecond).Format(time.RFC3339Nano)) // which the API leaves out
	}
	entries, _, err := v.someHistory(asked, q, listedEntries)
	for _, e := range entries {
		if e.Changes.AllowClientDashboard != nil || e.Changes.Created {
			return e.Record, nil
		}
	}
	return last, err
}
