package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// ConnectionNews implements stream.Store: connections that platforms refuse since an instant, and those that end in
// [stream.EndsSoonDays].
// What lies before the last sign-in is no news.
func (n Notices) ConnectionNews(ctx context.Context, parents []string, after, until time.Time) ([]stream.ConnectionNews, error) {
	rows, _ := n.Pool.Query(ctx, `
		select s.parent_account, s.account_id, s.member_id, s.connection_id, s.p_id, x.at, x.sign_in_before
		from (select distinct parent_account, account_id, member_id, connection_id, p_id
		      from tSAccounts where parent_account = any($1) and connected) s
		join tMemberAuth c on c.id = s.connection_id
		left join kept.secrets k on k.ref = c.secret_ref
		left join connection_states st on st.connection_id = s.connection_id and st.parent_account = s.parent_account
			and st.state = '`+domain.ConnectionReconnect+`' and (k.signed_in_at is null or k.signed_in_at <= st.at)
		cross join lateral (
			select st.at, null::timestamptz
			union all
			select k.renewable_until - make_interval(days => d), k.renewable_until
			from unnest($4::int[]) d
			where st.at is null and k.renewable_until - make_interval(days => d) > k.signed_in_at) x(at, sign_in_before)
		where x.at > $2 and x.at <= $3
		order by x.at, s.connection_id, s.account_id`, parents, after, until, stream.EndsSoonDays())
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stream.ConnectionNews])
	return list, wrapped("read what befell connections", err)
}
