package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Notices reads access notices: the part of stream.Store that can be rebuilt from the log.
type Notices struct{ Pool *pgxpool.Pool }

// Heads implements stream.Store. While a stream is stopped, its head is the last version before the
// stop: up to there, notices are complete.
func (n Notices) Heads(ctx context.Context, parents []string) (map[string]int64, error) {
	rows, _ := n.Pool.Query(ctx, `
		select stream_key, coalesce(stopped_at - 1, version) from dashboards_streams where stream_key = any($1)`, parents)
	return pg.ScanMap[string, int64](rows, "read heads of agencies")
}

// Since implements stream.Store.
func (n Notices) Since(
	ctx context.Context, after stream.Cursor, notBefore time.Time, limit int,
) ([]stream.Notice, error) {
	return pg.List(ctx, n.Pool, "read notices", pgx.RowToStructByPos[stream.Notice], `
		select parent_account, version, user_id, time, kind, sub_account_ids from access_notices
		where parent_account = $1 and user_id = $2 and version > $3 and time >= $4
		order by version limit $5`, after.ParentAccount, after.UserID, after.Version, notBefore, limit)
}

// ConnectionNews implements stream.Store. It returns the connections that platforms rejected
// between two instants, and those for which one of the warnings [stream.EndsSoonDays] before their
// expiry is due between these instants. Events before the last sign-in are excluded.
func (n Notices) ConnectionNews(
	ctx context.Context, parents []string, after, until time.Time,
) ([]stream.ConnectionNews, error) {
	return pg.List(ctx, n.Pool, "read connection news", pgx.RowToStructByPos[stream.ConnectionNews], `
		select distinct s.parent_account, s.account_id, s.member_id, s.connection_id, c.p_id, x.at, x.sign_in_before
		from tSAccounts s`+SignInJoins+`
		cross join lateral (
			select `+SignInSince+`, null::timestamptz where `+AwaitsSignIn+`
			union all
			select k.renewable_until - make_interval(days => d), k.renewable_until
			from unnest($4::int[]) d
			where not `+AwaitsSignIn+` and k.renewable_until - make_interval(days => d) > k.signed_in_at) x(at, sign_in_before)
		where s.parent_account = any($1) and s.connected and c.id is not null and x.at > $2 and x.at <= $3
		order by x.at, s.connection_id, s.account_id`, parents, after, until, stream.EndsSoonDays())
}
