package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"
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
		return withNames(ctx, tx, q.ParentAccount, func(n names) StateAnswer {
			return StateAnswer{named(n.accounts, q.Dashboard), asOf, *n.state(&s.document), n.record(s.Record)}
		})
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
