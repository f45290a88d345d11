package readmodels

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Moment names a prefix of an agency's stream: up to a version, or up to an instant, that instant
// included. Times grow strictly with versions, so both are the same cut. The zero Moment is now.
type Moment struct {
	Version int64
	Time    time.Time
}

// String returns the moment as records of the audit trail have it: "v12", RFC 3339, or "" for now.
func (m Moment) String() string {
	switch {
	case m.Version > 0:
		return fmt.Sprintf("v%d", m.Version)
	case !m.Time.IsZero():
		return m.Time.UTC().Format(time.RFC3339Nano)
	default:
		return ""
	}
}

// positionAt finds the last change of a stream up to a moment. A version that the stream has not
// reached is not_found; an instant to come stands for all that there is now, as the position tells.
func positionAt(ctx context.Context, tx pgx.Tx, parent string, m Moment) (StreamPosition, error) {
	var p StreamPosition
	var at time.Time
	var row pgx.Row
	switch {
	case m.Version > 0:
		row = tx.QueryRow(ctx, `select version, time from dashboard_history where parent_account = $1 and version <= $2
			order by version desc, sub_account_id desc limit 1`, parent, m.Version)
	case !m.Time.IsZero():
		row = tx.QueryRow(ctx, `select version, time from dashboard_history where parent_account = $1 and time <= $2
			order by time desc limit 1`, parent, m.Time)
	default:
		row = tx.QueryRow(ctx, `select version, time from dashboard_history where parent_account = $1
			order by version desc, sub_account_id desc limit 1`, parent)
	}
	err := row.Scan(&p.Version, &at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return p, fmt.Errorf("find position in stream: %w", err)
	default:
		p.Time = &at
	}
	if m.Version <= p.Version {
		return p, nil
	}
	// Some records change no dashboard (an operator's word on a parked one): the head knows them.
	var head int64
	err = tx.QueryRow(ctx, `select version from dashboard_heads where parent_account = $1`, parent).Scan(&head)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("read head: %w", err)
	}
	if m.Version > head {
		return p, domain.NewError(domain.CodeNotFound, "There is no version %d yet: the history of your agency ends with version %d.", m.Version, head)
	}
	p.Version = m.Version
	return p, nil
}

// versionBefore is the version of the last change before an instant; 0: there is none.
func versionBefore(ctx context.Context, tx pgx.Tx, parent string, at time.Time) (int64, error) {
	var version int64
	err := tx.QueryRow(ctx, `select version from dashboard_history where parent_account = $1 and time < $2
		order by time desc limit 1`, parent, at).Scan(&version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("find version before an instant: %w", err)
	}
	return version, nil
}

// stateRow is a dashboard as a record left it, and that record.
type stateRow struct {
	recordRow

	document domain.Dashboard
}

// stateAt returns a dashboard as of a version of the stream; nil when it was not there yet.
func stateAt(ctx context.Context, tx pgx.Tx, parent, dashboard string, version int64) (*stateRow, error) {
	var s stateRow
	err := tx.QueryRow(ctx, `
		select `+recordColumns+`, h.after from dashboard_history h
		where parent_account = $1 and sub_account_id = $2 and version <= $3
		order by version desc limit 1`, parent, dashboard, version).Scan(append(s.targets(), &s.document)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state of dashboard %s: %w", dashboard, err)
	}
	return &s, nil
}

// existingAt is stateAt for a dashboard that must have been there: else a not_found that says since
// when it is.
func existingAt(ctx context.Context, tx pgx.Tx, parent, dashboard string, at Moment, position StreamPosition) (*stateRow, error) {
	s, err := stateAt(ctx, tx, parent, dashboard, position.Version)
	if err != nil || s != nil {
		return s, err
	}
	var version int64
	var since time.Time
	err = tx.QueryRow(ctx, `select version, time from dashboard_history where parent_account = $1 and sub_account_id = $2
		order by version limit 1`, parent, dashboard).Scan(&version, &since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, domain.ErrDashboardNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read beginning of dashboard %s: %w", dashboard, err)
	}
	return nil, domain.NewError(domain.CodeNotFound, "This dashboard did not exist at %s. It exists since %s (version %d).",
		at, since.UTC().Format(time.RFC3339Nano), version)
}
