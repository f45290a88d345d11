package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Contents reads what posts say as the log's keepers need it.
type Contents struct{ Pool pg.Reader }

// Covered returns what counts of keys over whose record another lies that does not, the earliest first, at most 1,000.
func (c Contents) Covered(ctx context.Context) ([]domain.CoveredContent, error) {
	rows, _ := c.Pool.Query(ctx, `
		(select parent_account, social_account_id, external_id, origin, told_at, false, account_id,
		        coalesce(content, ''), coalesce(media_url, ''), coalesce(permalink, '')
		 from post_contents where covered order by told_at limit $1)
		union all
		(select parent_account, social_account_id, external_id, origin, erased_at, true, '', '', '', ''
		 from erased_contents where covered order by erased_at limit $1)
		order by 5 limit $1`, MostCovered)
	covered, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c domain.CoveredContent, err error) {
		err = row.Scan(&c.ParentAccount, &c.SocialAccount, &c.ExternalID, &c.Origin, &c.At, &c.Erased, &c.AccountID, &c.Content, &c.MediaURL, &c.Permalink)
		return c, err
	})
	return covered, wrapped("read what is covered in the log", err)
}

// CoveredErasures returns the erasures of all texts of an account over whose record another lies, the earliest first, at most 1,000: each
// partition of the topic has one of its own.
func (c Contents) CoveredErasures(ctx context.Context) ([]domain.CoveredErasure, error) {
	rows, _ := c.Pool.Query(ctx, `
		select parent_account, account_id, social_account_id, p_id, erased_at, log_partition
		from content_erasures where covered order by erased_at limit $1`, MostCovered)
	covered, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c domain.CoveredErasure, err error) {
		err = row.Scan(&c.ParentAccount, &c.AccountID, &c.SocialAccount, &c.Platform, &c.ErasedAt, &c.Partition)
		c.ErasedAt = c.ErasedAt.UTC()
		return c, err
	})
	return covered, wrapped("read which erasures are covered in the log", err)
}
