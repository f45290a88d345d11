package history

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// StateQuery selects a dashboard at a moment.
type StateQuery struct {
	ParentAccount string
	Dashboard     string // sub-account
	At            Moment
}

// StateAnswer is a dashboard at a moment.
type StateAnswer struct {
	Dashboard Named          `json:"dashboard"`
	AsOf      StreamPosition `json:"as_of"` // position in the stream at the moment
	State     DashboardState `json:"state"`
	// the last record in the prefix that changed this dashboard
	ChangedBy Record `json:"changed_by"`
}

// State returns a dashboard as of a moment. It returns [domain.ErrDashboardNotFound] for a
// dashboard without history in this agency. If the dashboard did not exist yet, or if the version
// is in the future, it returns another error with code not_found.
func (h *History) State(ctx context.Context, q StateQuery) (StateAnswer, HistoryMeta, error) {
	return answerAt(ctx, h, "state", q, func(tx pgx.Tx, asOf StreamPosition, s *stateRow) (a StateAnswer, err error) {
		m := mentioned{accounts: []string{q.Dashboard}}
		m.dashboard(&s.document)
		m.record(s.Record)
		n, err := m.read(ctx, tx, q.ParentAccount)
		return StateAnswer{n.account(q.Dashboard), asOf, *n.state(&s.document), n.record(s.Record)}, err
	})
}

// answerAt reads a response about a dashboard that existed at a moment.
func answerAt[A any](
	ctx context.Context, h *History, what string, q StateQuery, read func(pgx.Tx, StreamPosition, *stateRow) (A, error),
) (A, HistoryMeta, error) {
	readAt := func(tx pgx.Tx, meta *HistoryMeta) (a A, err error) {
		if meta.AsOf, err = positionAt(ctx, tx, q.ParentAccount, q.At); err != nil {
			return a, err
		}
		s, err := existingAt(ctx, tx, q.ParentAccount, q.Dashboard, q.At, meta.AsOf)
		if err != nil {
			return a, err
		}
		return read(tx, meta.AsOf, s)
	}
	return answerHistory(ctx, h, what, q.ParentAccount, q.Dashboard, readAt)
}

// DiffQuery selects the changes to a dashboard after From and up to To.
type DiffQuery struct {
	ParentAccount string
	Dashboard     string // sub-account
	From, To      Moment
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

// Diff returns the difference between two moments. It returns the errors of [History.State] for the
// later moment, and an error with code invalid if the moments are in the wrong order.
func (h *History) Diff(ctx context.Context, q DiffQuery) (DiffAnswer, HistoryMeta, error) {
	read := func(tx pgx.Tx, meta *HistoryMeta) (a DiffAnswer, err error) {
		from, to, err := diffEnds(ctx, tx, q.ParentAccount, q.From, q.To)
		if err != nil {
			return a, err
		}
		meta.AsOf = to
		if _, err := existingAt(ctx, tx, q.ParentAccount, q.Dashboard, q.To, to); err != nil {
			return a, err
		}
		answers, err := readDiffs(ctx, tx, q.ParentAccount, []entryKey{{Dashboard: q.Dashboard}}, from, to)
		if err != nil {
			return a, err
		}
		return answers[0], nil
	}
	return answerHistory(ctx, h, "difference", q.ParentAccount, q.Dashboard, read)
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

// DiffsQuery selects the changes to an agency's dashboards after From and up to To.
type DiffsQuery struct {
	ParentAccount string
	From, To      Moment
	Limit         int
	Cursor        string // from [HistoryMeta].NextCursor
}

// diffKey is the position of a dashboard in the list of differences, within the prefix of the
// stream that the first page used.
type diffKey struct {
	Until     int64  `json:"u"` // version
	Version   int64  `json:"v"` // of the dashboard's last change in the prefix
	Dashboard string `json:"d"`
}

func (q DiffsQuery) cursors() readmodels.CursorScope {
	return readmodels.CursorScope{
		List: "differences", Scope: readmodels.Scope{ParentAccount: q.ParentAccount}, Filters: []any{q.From, q.To},
	}
}

// Diffs returns a page of the dashboards that changed between two moments, with their differences,
// the most recently changed first. All pages use the same two moments. It returns an error with
// code invalid if the moments are in the wrong order.
func (h *History) Diffs(ctx context.Context, q DiffsQuery) ([]DiffAnswer, HistoryMeta, error) {
	read := func(tx pgx.Tx, meta *HistoryMeta) ([]DiffAnswer, error) {
		after, err := readmodels.DecodeCursor[diffKey](q.Cursor, q.cursors())
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
		page, more, err := h.changedBetween(ctx, tx, q, from.Version, to.Version, *after)
		if err != nil {
			return nil, err
		}
		if more {
			last := page[len(page)-1]
			if meta.NextCursor, err = readmodels.EncodeCursor(q.cursors(),
				diffKey{to.Version, last.Version, last.Dashboard}); err != nil {
				return nil, err
			}
		}
		return readDiffs(ctx, tx, q.ParentAccount, page, from, to)
	}
	return answerHistory(ctx, h, "differences", q.ParentAccount, "", read)
}

func (h *History) changedBetween(
	ctx context.Context, tx pgx.Tx, q DiffsQuery, from, to int64, after diffKey,
) (page []entryKey, more bool, err error) {
	page, err = pg.List(ctx, tx, "find changed dashboards", pgx.RowToStructByPos[entryKey], `
		select max(version), sub_account_id from dashboard_history
		where parent_account = @parent and version > @from and version <= @to and after is not null
		group by sub_account_id having (max(version), sub_account_id) < (@version::bigint, @dashboard::text)
		order by max(version) desc, sub_account_id desc limit @limit`, pgx.NamedArgs{
		"parent": q.ParentAccount, "from": from, "to": to, "version": after.Version, "dashboard": after.Dashboard,
		"limit": q.Limit + 1,
	})
	if err != nil || len(page) == 0 {
		return nil, false, err
	}
	fit, err := h.affordable(ctx, tx, q.ParentAccount, page[:min(len(page), q.Limit)])
	return page[:fit], fit < len(page), err
}

func readDiffs(
	ctx context.Context, tx pgx.Tx, parent string, page []entryKey, from, to StreamPosition,
) ([]DiffAnswer, error) {
	_, subs := splitKeys(page)
	type states struct {
		Before  *domain.Dashboard
		After   domain.Dashboard
		Records int64
	}
	all, err := pg.List(ctx, tx, "read dashboards at two moments", pgx.RowToStructByPos[states], `
		select before.after, last.after, (select count(*) from dashboard_history h where h.parent_account = $1
			and h.sub_account_id = k.sub_account_id and h.version > $3 and h.version <= $4)
		from unnest($2::text[]) with ordinality as k(sub_account_id, n)
		left join lateral (
			select after from dashboard_history h
			where h.parent_account = $1 and h.sub_account_id = k.sub_account_id and h.version <= $3
			order by h.version desc limit 1) before on true
		cross join lateral (
			select after from dashboard_history h
			where h.parent_account = $1 and h.sub_account_id = k.sub_account_id and h.version <= $4
			order by h.version desc limit 1) last
		order by k.n`, parent, subs, from.Version, to.Version)
	if err != nil {
		return nil, err
	}
	m := mentioned{accounts: subs}
	for _, d := range all {
		m.dashboard(d.Before)
		m.dashboard(&d.After)
	}
	n, err := m.read(ctx, tx, parent)
	answers := make([]DiffAnswer, len(all))
	for i, d := range all {
		answers[i] = DiffAnswer{
			Dashboard: n.account(subs[i]), From: from, To: to, Before: n.state(d.Before),
			After: *n.state(&d.After), Changes: n.differences(d.Before, d.After), Records: d.Records,
		}
	}
	return answers, err
}
