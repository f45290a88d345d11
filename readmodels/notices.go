package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Notices reads access notices: the part of stream.Store that the log can rebuild.
type Notices struct{ Pool *pgxpool.Pool }

// Head returns the version of the agency's newest record; 0 without one.
func (n Notices) Head(ctx context.Context, parent string) (int64, error) {
	var version int64
	_, err := found(n.Pool.QueryRow(ctx, `select version from dashboard_heads where parent_account = $1`, parent),
		"read head of agency "+parent, &version)
	return version, err
}

// Scan implements stream.Store.
func (n Notices) Scan(ctx context.Context, spans []stream.Span, notBefore time.Time, limit int) ([]stream.Notice, error) {
	parents, users, after := make([]string, len(spans)), make([]string, len(spans)), make([]int64, len(spans))
	for i, s := range spans {
		parents[i], users[i], after[i] = s.ParentAccount, s.AfterUser, s.AfterVersion
	}
	rows, _ := n.Pool.Query(ctx, `
		select n.* from unnest($1::text[], $2::bigint[], $3::text[]) as k(parent_account, after_version, after_user)
		cross join lateral (
			select parent_account, version, user_id, time, kind, sub_account_ids from access_notices a
			where a.parent_account = k.parent_account and (a.version, a.user_id) > (k.after_version, k.after_user) and a.time >= $4
			order by version, user_id limit $5) n
		order by parent_account, version, user_id limit $5`, parents, after, users, notBefore, limit)
	return collectNotices(rows)
}

// Since implements stream.Store.
func (n Notices) Since(ctx context.Context, after stream.Cursor, notBefore time.Time, limit int) ([]stream.Notice, error) {
	rows, _ := n.Pool.Query(ctx, `
		select parent_account, version, user_id, time, kind, sub_account_ids from access_notices
		where parent_account = $1 and user_id = $2 and version > $3 and time >= $4
		order by version limit $5`, after.ParentAccount, after.UserID, after.Version, notBefore, limit)
	return collectNotices(rows)
}

func collectNotices(rows pgx.Rows) ([]stream.Notice, error) {
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stream.Notice])
	return list, wrapped("read notices", err)
}
