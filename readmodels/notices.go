package readmodels

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AccessNotice says that a user lost access to at least one dashboard by one record. Its id on every
// surface is "<parent account>.<version>".
type AccessNotice struct {
	ParentAccount string
	Version       int64
	UserID        string
	Time          time.Time
}

// Notices reads access notices.
type Notices struct{ Pool *pgxpool.Pool }

// Head returns the version of the agency's newest record; 0 without one.
func (n Notices) Head(ctx context.Context, parent string) (int64, error) {
	var version int64
	err := n.Pool.QueryRow(ctx, `select version from dashboard_heads where parent_account = $1`, parent).Scan(&version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read head of agency %s: %w", parent, err)
	}
	return version, nil
}

// Recipients returns the users whom one record gave a notice.
func (n Notices) Recipients(ctx context.Context, parent string, version int64) ([]string, error) {
	rows, err := n.Pool.Query(ctx, `
		select user_id from access_notices where parent_account = $1 and version = $2 order by user_id`, parent, version)
	if err != nil {
		return nil, fmt.Errorf("read recipients: %w", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read recipients: %w", err)
	}
	return users, nil
}

// Since returns, for each of the given positions, the user's notices above it and not older than
// notBefore, oldest first, at most limit each. The three slices run in parallel.
func (n Notices) Since(ctx context.Context, parents, users []string, after []int64, notBefore time.Time, limit int) ([]AccessNotice, error) {
	rows, err := n.Pool.Query(ctx, `
		select n.* from unnest($1::text[], $2::text[], $3::bigint[]) as k(parent_account, user_id, after)
		cross join lateral (
			select parent_account, version, user_id, time from access_notices a
			where a.parent_account = k.parent_account and a.user_id = k.user_id and a.version > k.after and a.time >= $4
			order by version limit $5) n`, parents, users, after, notBefore, limit)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	notices, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AccessNotice])
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return notices, nil
}
