package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// FiguresErased are the erasures that the tables of accounts, of posts and of what posts say all know, by agency and social account, with
// the earliest of their instants. What posts say knows one when each of so many partitions of topic `contents` does.
func FiguresErased(ctx context.Context, pool pg.Reader, partitions int32) (map[domain.PostRef]time.Time, error) {
	known := map[domain.PostRef]time.Time{}
	rows, _ := pool.Query(ctx, `
		select parent_account, social_account_id, least(a.erased_at, p.erased_at, min(c.erased_at))
		from account_erasures a join post_erasures p using (parent_account, social_account_id)
		join content_erasures c using (parent_account, social_account_id)
		group by parent_account, social_account_id, a.erased_at, p.erased_at having count(*) >= $1`, partitions)
	var of domain.PostRef
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&of.ParentAccount, &of.SocialAccount, &at}, func() error {
		known[of] = at
		return nil
	})
	return known, wrapped("read erasures of figures", err)
}
