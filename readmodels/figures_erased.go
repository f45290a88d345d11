package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// FiguresErased are the erasures that the tables of accounts and of posts both know, by agency and social account, with the
// earlier of their instants.
func FiguresErased(ctx context.Context, pool *pgxpool.Pool) (map[domain.PostRef]time.Time, error) {
	known := map[domain.PostRef]time.Time{}
	rows, _ := pool.Query(ctx, `
		select parent_account, social_account_id, least(a.erased_at, p.erased_at)
		from account_erasures a join post_erasures p using (parent_account, social_account_id)`)
	var of domain.PostRef
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&of.ParentAccount, &of.SocialAccount, &at}, func() error {
		known[of] = at
		return nil
	})
	return known, wrapped("read erasures of figures", err)
}
