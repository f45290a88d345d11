package history

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Moment identifies a prefix of an agency's stream: up to and including a version or an instant.
// Times strictly increase with versions, so either one identifies a prefix. The zero Moment means
// now.
type Moment struct {
	Version int64
	Time    time.Time
}

// IsZero reports whether m is the zero Moment.
func (m Moment) IsZero() bool { return m.Version == 0 && m.Time.IsZero() }

// String returns the moment as it appears in records of the audit trail: "v12", RFC 3339, or "" for
// now.
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

// positionAt returns the last change in a stream up to a moment. For a version after the end of the
// stream, it returns an error with code not_found; an instant in the future means the whole stream.
func positionAt(ctx context.Context, tx pgx.Tx, parent string, m Moment) (StreamPosition, error) {
	var p StreamPosition
	upTo, last := "", "version desc, sub_account_id desc"
	switch {
	case m.Version > 0:
		upTo = " and version <= @version"
	case !m.Time.IsZero():
		upTo, last = " and time <= @time", "time desc"
	}
	_, err := pg.ScanOptional(tx.QueryRow(ctx, `
		select version, time from dashboard_history where parent_account = @parent`+upTo+` order by `+last+` limit 1`,
		pgx.NamedArgs{"parent": parent, "version": m.Version, "time": m.Time}),
		"find position in stream", &p.Version, &p.Time)
	if err != nil || m.Version <= p.Version {
		return p, err
	}
	// Records that wait or were skipped have no entry. Only the head includes them.
	var head int64
	row := tx.QueryRow(ctx, `select version from dashboards_streams where stream_key = $1`, parent)
	if _, err = pg.ScanOptional(row, "read head", &head); err != nil {
		return p, err
	}
	if m.Version > head {
		return p, domain.NewError(domain.CodeNotFound,
			"There is no version %d yet: the history of your agency ends with version %d.", m.Version, head)
	}
	p.Version = m.Version
	return p, nil
}

// within returns s, or now if s is later.
func (s StreamPosition) within(now StreamPosition) StreamPosition {
	if s.Version > now.Version {
		return now
	}
	return s
}

// before returns the last moment before an instant; times in the stream are microseconds.
func before(at time.Time) Moment { return Moment{Time: at.Add(-time.Microsecond)} }

// notYet returns the error for a dashboard that has a history but did not exist at a moment.
func notYet(ctx context.Context, tx pgx.Tx, parent, dashboard string, at Moment) error {
	var version int64
	var since time.Time
	err := tx.QueryRow(ctx, `
		select version, time from dashboard_history where parent_account = $1 and sub_account_id = $2
		order by version limit 1`, parent, dashboard).Scan(&version, &since)
	if err != nil {
		return fmt.Errorf("read beginning of dashboard %s: %w", dashboard, err)
	}
	return domain.NewError(domain.CodeNotFound, "This dashboard did not exist at %s. It has existed since %s (version %d).",
		at, since.UTC().Format(time.RFC3339Nano), version)
}
