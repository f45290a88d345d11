package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ShardSize is the number of connected accounts that one fetching job reads.
const ShardSize = 200

// maxKnownPosts bounds the posts of one social account that are read in one round.
const maxKnownPosts = 5000

// Connections reads what the fetchers need to know.
type Connections struct{ Pool *pgxpool.Pool }

// Shards returns how many shards of [ShardSize] the connected accounts of a platform make.
func (c Connections) Shards(ctx context.Context, platform domain.Platform) (int, error) {
	var n int
	err := c.Pool.QueryRow(ctx, `select count(*) from tSAccounts where p_id = $1 and connected`, int(platform)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count connected accounts of %s: %w", platform, err)
	}
	return (n + ShardSize - 1) / ShardSize, nil
}

// Connected returns one shard of the connected accounts of a platform in order of their ids, each
// with the tenant and the subscription as they are now. A subscription of the agency counts for its
// clients.
func (c Connections) Connected(ctx context.Context, platform domain.Platform, shard int) ([]domain.ConnectedAccount, error) {
	rows, err := c.Pool.Query(ctx, `
		select s.parent_account, s.account_id, s.member_id, s.id, s.p_id, s.a_type, s.external_id, s.connection_id,
		       coalesce(a.secret_ref, ''), coalesce(st.state, $4),
		       exists (select from tSubscriptions b
		               where b.account_id in (s.account_id, s.parent_account)
		                 and b.starts_at <= now() and (b.ends_at is null or b.ends_at > now()))
		from tSAccounts s
		left join tMemberAuth a on a.id = s.connection_id
		left join connection_states st on st.connection_id = s.connection_id
		where s.p_id = $1 and s.connected
		order by s.id limit $2 offset $3`, int(platform), ShardSize, shard*ShardSize, domain.ConnectionOK)
	if err != nil {
		return nil, fmt.Errorf("read connected accounts of %s: %w", platform, err)
	}
	accounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a domain.ConnectedAccount, err error) {
		err = row.Scan(&a.ParentAccount, &a.AccountID, &a.MemberID, &a.SocialAccount, &a.Platform, &a.AccountType,
			&a.ExternalID, &a.ConnectionID, &a.SecretRef, &a.ConnectionState, &a.SubscriptionActive)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read connected accounts of %s: %w", platform, err)
	}
	return accounts, nil
}

// KnownPosts returns the posts of a tenant's social account, newest first.
func (c Connections) KnownPosts(ctx context.Context, tenant domain.Tenant) ([]domain.KnownPost, error) {
	rows, err := c.Pool.Query(ctx, `
		select external_id, coalesce(post_type, ''), published_at from tSPosts
		where social_account_id = $1 and parent_account = $2 and account_id = $3
		order by published_at desc nulls last, external_id limit $4`,
		tenant.SocialAccount, tenant.ParentAccount, tenant.AccountID, maxKnownPosts)
	if err != nil {
		return nil, fmt.Errorf("read posts of social account %d: %w", tenant.SocialAccount, err)
	}
	posts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.KnownPost])
	if err != nil {
		return nil, fmt.Errorf("read posts of social account %d: %w", tenant.SocialAccount, err)
	}
	return posts, nil
}
