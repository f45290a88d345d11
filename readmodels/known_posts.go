package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxKnownPosts bounds the posts of one social account that are looked at in one round; platforms list
// about half as many.
const maxKnownPosts = 20_000

// KnownPosts returns the posts of a tenant's social account, newest first, each with its last reading.
func (c Connections) KnownPosts(ctx context.Context, tenant domain.Tenant) ([]domain.KnownPost, error) {
	rows, _ := c.Pool.Query(ctx, `
		select p.external_id, coalesce(p.post_type, ''), p.published_at,
		       (select d.captured_at from post_daily d
		        where d.social_account_id = p.social_account_id and d.external_id = p.external_id
		          and d.parent_account = p.parent_account and d.account_id = p.account_id
		        order by d.day desc, d.captured_at desc limit 1),
		       p.member_id
		from tSPosts p
		where p.social_account_id = $1 and p.parent_account = $2 and p.account_id = $3
		order by p.published_at desc nulls last, p.external_id limit $4`,
		tenant.SocialAccount, tenant.ParentAccount, tenant.AccountID, maxKnownPosts)
	posts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.KnownPost])
	return posts, wrapped(fmt.Sprintf("read posts of social account %d", tenant.SocialAccount), err)
}

// ListedTexts returns what the listing last said of posts of a tenant's social account, by their ids. What it never said, said under
// another client, or was erased, is not there.
func (c Connections) ListedTexts(ctx context.Context, tenant domain.Tenant, posts []string) (map[string]domain.PostTexts, error) {
	rows, _ := c.Pool.Query(ctx, `
		select external_id, coalesce(content, ''), coalesce(media_url, ''), coalesce(permalink, '') from post_contents
		where parent_account = $1 and social_account_id = $2 and external_id = any($3) and account_id = $4 and origin = '`+string(domain.OriginListing)+`'`,
		tenant.ParentAccount, tenant.SocialAccount, posts, tenant.AccountID)
	said := make(map[string]domain.PostTexts, len(posts))
	var id string
	var texts domain.PostTexts
	_, err := pgx.ForEachRow(rows, []any{&id, &texts.Content, &texts.MediaURL, &texts.Permalink}, func() error {
		said[id] = texts
		return nil
	})
	return said, wrapped(fmt.Sprintf("read texts of social account %d", tenant.SocialAccount), err)
}
