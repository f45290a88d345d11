package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// StateQuery asks what a dashboard was at a moment.
type StateQuery struct {
	ParentAccount string
	Dashboard     string // sub-account
	At            Moment
}

// StateAnswer is a dashboard at a moment.
type StateAnswer struct {
	Dashboard Named          `json:"dashboard"`
	AsOf      StreamPosition `json:"as_of"` // the prefix of the stream that this is the state after
	State     DashboardState `json:"state"`
	ChangedBy Record         `json:"changed_by"` // the last record up to there that changed this dashboard
}

// State returns a dashboard as of a moment. Errors are not_found: [domain.ErrDashboardNotFound] for a
// dashboard without any history in this agency, one that says since when it exists for a moment before
// that, one that names the last version for a version to come.
func (h *History) State(ctx context.Context, q StateQuery) (StateAnswer, HistoryMeta, error) {
	return answerAt(ctx, h, "state", q, func(tx pgx.Tx, asOf StreamPosition, s *stateRow) (a StateAnswer, err error) {
		n := newNames()
		note(n.accounts, q.Dashboard)
		n.noteDashboard(&s.document)
		n.noteRecord(s.Record)
		if err := n.read(ctx, tx, q.ParentAccount); err != nil {
			return a, err
		}
		return StateAnswer{named(n.accounts, q.Dashboard), asOf, *n.state(&s.document), n.record(s.Record)}, nil
	})
}

// answerAt reads an answer about a dashboard that was there at a moment.
func answerAt[A any](
	ctx context.Context, h *History, what string, q StateQuery, read func(pgx.Tx, StreamPosition, *stateRow) (A, error),
) (A, HistoryMeta, error) {
	return answerHistory(ctx, h, what, q.ParentAccount, q.Dashboard, func(tx pgx.Tx, meta *HistoryMeta) (a A, err error) {
		if meta.AsOf, err = positionAt(ctx, tx, q.ParentAccount, q.At); err != nil {
			return a, err
		}
		s, err := existingAt(ctx, tx, q.ParentAccount, q.Dashboard, q.At, meta.AsOf)
		if err != nil {
			return a, err
		}
		return read(tx, meta.AsOf, s)
	})
}

// DiffQuery asks what changed on a dashboard after From up to To.
type DiffQuery struct {
	ParentAccount string
	Dashboard     string // sub-account
	From, To      Moment
}

// DiffAnswer is what lies between two moments of one dashboard.
type DiffAnswer struct {
	Dashboard Named           `json:"dashboard"`
	From      StreamPosition  `json:"from"`
	To        StreamPosition  `json:"to"`
	Before    *DashboardState `json:"before"` // null: it was not there yet
	After     DashboardState  `json:"after"`
	Changes   Differences     `json:"changes"`
	Records   int64           `json:"records"` // that changed this dashboard in between
}

// Diff returns the difference between two moments. Errors are those of [History.State], for the later
// moment; and invalid when the moments stand the wrong way round.
func (h *History) Diff(ctx context.Context, q DiffQuery) (DiffAnswer, HistoryMeta, error) {
	return answerHistory(ctx, h, "difference", q.ParentAccount, q.Dashboard, func(tx pgx.Tx, meta *HistoryMeta) (DiffAnswer, error) {
		answer, err := diff(ctx, tx, q)
		meta.AsOf = answer.To
		return answer, err
	})
}

func diff(ctx context.Context, tx pgx.Tx, q DiffQuery) (a DiffAnswer, err error) {
	if a.From, a.To, err = diffEnds(ctx, tx, q.ParentAccount, q.From, q.To); err != nil {
		return a, err
	}
	was, err := stateAt(ctx, tx, q.ParentAccount, q.Dashboard, a.From.Version)
	if err != nil {
		return a, err
	}
	is, err := existingAt(ctx, tx, q.ParentAccount, q.Dashboard, q.To, a.To)
	if err != nil {
		return a, err
	}
	var before *domain.Dashboard
	if was != nil {
		before = &was.document
	}
	err = tx.QueryRow(ctx, `select count(*) from dashboard_history
		where parent_account = $1 and sub_account_id = $2 and version > $3 and version <= $4`,
		q.ParentAccount, q.Dashboard, a.From.Version, a.To.Version).Scan(&a.Records)
	if err != nil {
		return a, fmt.Errorf("count records: %w", err)
	}
	n := newNames()
	note(n.accounts, q.Dashboard)
	n.noteDashboard(before)
	n.noteDashboard(&is.document)
	if err := n.read(ctx, tx, q.ParentAccount); err != nil {
		return a, err
	}
	a.Dashboard, a.Before, a.After = named(n.accounts, q.Dashboard), n.state(before), *n.state(&is.document)
	a.Changes = n.differences(before, is.document)
	return a, nil
}

// diffEnds are the positions of two moments, which must not stand the wrong way round.
func diffEnds(ctx context.Context, tx pgx.Tx, parent string, earlier, later Moment) (from, to StreamPosition, err error) {
	if from, err = positionAt(ctx, tx, parent, earlier); err != nil {
		return from, to, err
	}
	if to, err = positionAt(ctx, tx, parent, later); err == nil && from.Version > to.Version {
		err = domain.NewError(domain.CodeInvalid, "from (%s) lies after to (%s). Exchange them.", earlier, later).
			WithField("from", "lies after to")
	}
	return from, to, err
}
