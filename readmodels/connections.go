package readmodels

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/pg"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxKnownPosts bounds the posts of one social account that are looked at in one round; platforms list
// about half as many.
const maxKnownPosts = 20_000

// Connections reads what the fetchers need to know: the connections are the log's, what became of
// earlier reads is in schema kept.
type Connections struct{ Pool pg.Reader }

// worthReading are the joins and conditions that all queries share; $1 is the platform, $2 the kind,
// $3 now. Left out are accounts whose subscription has lapsed (an agency's counts for its clients) and
// connections that wait for a person to sign in again or for a platform's time, unless their token was
// replaced since.
const worthReading = connectionJoins + `
	where s.p_id = $1 and s.connected
	  and (st.state is null or st.state <> '` + domain.ConnectionReconnect + `' or k.updated_at > st.at)
	  and (f.not_before is null or f.not_before <= $3 or k.updated_at > f.updated_at)
	  and ` + subscribed

const (
	connectionJoins = `
	from tSAccounts s
	left join tMemberAuth a on a.id = s.connection_id
	left join connection_states st on st.connection_id = s.connection_id
	left join kept.secrets k on k.ref = a.secret_ref
	left join kept.fetch_state f on f.kind = $2 and f.p_id = s.p_id and f.social_account_id = s.id`
	subscribed = `exists (
	    select from tSubscriptions b where b.account_id in (s.account_id, s.parent_account)
	      and b.starts_at <= $3 and (b.ends_at is null or b.ends_at > $3))`
)

// Due returns the social accounts that are due in a slot: never read, or last read in a slot that began
// at least the interval before it. The most overdue come first.
func (c Connections) Due(ctx context.Context, slot domain.FetchSlot, interval time.Duration, now time.Time) ([]domain.DueAccount, error) {
	rows, _ := c.Pool.Query(ctx, `select s.id, f.served_slot`+worthReading+`
		and (f.served_slot is null or f.served_slot <= $4 or f.served_slot > $5)
		order by f.served_slot nulls first, s.id`,
		int(slot.Platform), slot.Kind, now, slot.Begin.Add(-max(interval, time.Microsecond)), slot.Begin.Add(domain.WrongClock))
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.DueAccount])
	return due, wrapped(fmt.Sprintf("read due accounts of %s", slot.Platform), err)
}

const taskColumns = `
	select s.parent_account, s.account_id, s.member_id, s.id, s.p_id, s.a_type, s.external_id, s.connection_id,
	       coalesce(a.secret_ref, ''), coalesce(st.state, '` + domain.ConnectionOK + `'), ` + subscribed + `,
	       coalesce(f.planned_at, 'epoch'), f.served_slot, f.served_at, coalesce(f.failures, 0), f.backfilled_at, f.demographics_at,
	       coalesce(f.list_cursor, ''), f.list_began, f.listed_to,
	       f.history_from, coalesce(f.history_failures, 0), f.history_not_before,
	       coalesce(f.history_class, ''), coalesce(f.history_reason, ''),
	       st.at, k.updated_at,
	       (select min(n.tracked_since) from account_newest n where n.social_account_id = s.id and n.parent_account = s.parent_account)`

// Tasks returns what a shard of a slot still has to read, the most overdue first, each with its tenant
// as it is now. What was read in this slot already, by an attempt that was cut short, is left out.
func (c Connections) Tasks(ctx context.Context, slot domain.FetchSlot, shard int, now time.Time) ([]domain.FetchTask, error) {
	return c.tasks(ctx, taskColumns+worthReading+`
		and f.slot = $4 and f.shard = $5 and (f.served_slot is null or f.served_slot < $4 or f.served_slot > $6)
		order by f.served_slot nulls first, s.id`, int(slot.Platform), slot.Kind, now, slot.Begin, shard, slot.Begin.Add(domain.WrongClock))
}

// Task returns one connected social account if it is worth reading now, or nothing.
func (c Connections) Task(ctx context.Context, slot domain.FetchSlot, socialAccount int64, now time.Time) ([]domain.FetchTask, error) {
	return c.tasks(ctx, taskColumns+worthReading+` and s.id = $4 and (f.served_slot is null or f.served_slot < $5 or f.served_slot > $6)`,
		int(slot.Platform), slot.Kind, now, socialAccount, slot.Begin, slot.Begin.Add(domain.WrongClock))
}

// ByHand returns one social account of a platform whatever its state is, or nothing when there is none.
func (c Connections) ByHand(
	ctx context.Context, slot domain.FetchSlot, socialAccount int64, now time.Time,
) (tasks []domain.FetchTask, connected bool, err error) {
	tasks, err = c.tasks(ctx, taskColumns+connectionJoins+` where s.p_id = $1 and s.id = $4`,
		int(slot.Platform), slot.Kind, now, socialAccount)
	if err != nil || len(tasks) == 0 {
		return nil, false, err
	}
	if err := c.Pool.QueryRow(ctx, `select connected from tSAccounts where id = $1`, socialAccount).Scan(&connected); err != nil {
		return nil, false, fmt.Errorf("read social account %d: %w", socialAccount, err)
	}
	return tasks, connected, nil
}

func (c Connections) tasks(ctx context.Context, query string, args ...any) ([]domain.FetchTask, error) {
	rows, _ := c.Pool.Query(ctx, query, args...)
	tasks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t domain.FetchTask, err error) {
		err = row.Scan(&t.ParentAccount, &t.AccountID, &t.MemberID, &t.SocialAccount, &t.Platform, &t.AccountType,
			&t.ExternalID, &t.ConnectionID, &t.SecretRef, &t.ConnectionState, &t.SubscriptionActive,
			&t.PlannedAt, &t.ServedSlot, &t.ServedAt, &t.Failures, &t.BackfilledAt, &t.DemographicsAt,
			&t.Listing.Cursor, &t.Listing.Began, &t.Listing.To,
			&t.History.From, &t.History.Failures, &t.History.NotBefore, &t.History.Class, &t.History.Reason,
			&t.StateAt, &t.TokenTakenAt, &t.TrackedSince)
		return t, err
	})
	return tasks, wrapped("read accounts to fetch", err)
}

// SignInsDue counts the accounts that are read now, and those of them whose tokens end, or cannot be renewed any more,
// before a time. Those that a person must sign in for already are told by their state.
func (c Connections) SignInsDue(ctx context.Context, platform domain.Platform, now, before time.Time) (accounts, due int, err error) {
	err = c.Pool.QueryRow(ctx, `select count(*), count(*) filter (where k.renewable_until < $4)`+connectionJoins+`
		where s.p_id = $1 and s.connected and `+subscribed+`
		  and (st.state is null or st.state <> '`+domain.ConnectionReconnect+`' or k.updated_at > st.at)`,
		int(platform), domain.FetchTokens, now, before).Scan(&accounts, &due)
	return accounts, due, wrapped(fmt.Sprintf("count the sign-ins that %s needs soon", platform), err)
}

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

// ListedTexts returns what the listing last said of posts of a tenant's social account, by their ids. What it never said, or was erased,
// is not there.
func (c Connections) ListedTexts(ctx context.Context, tenant domain.Tenant, posts []string) (map[string]domain.PostTexts, error) {
	rows, _ := c.Pool.Query(ctx, `
		select external_id, coalesce(content, ''), coalesce(media_url, ''), coalesce(permalink, '') from post_contents
		where parent_account = $1 and social_account_id = $2 and external_id = any($3) and origin = '`+string(domain.OriginListing)+`'`,
		tenant.ParentAccount, tenant.SocialAccount, posts)
	said := make(map[string]domain.PostTexts, len(posts))
	var id string
	var texts domain.PostTexts
	_, err := pgx.ForEachRow(rows, []any{&id, &texts.Content, &texts.MediaURL, &texts.Permalink}, func() error {
		said[id] = texts
		return nil
	})
	return said, wrapped(fmt.Sprintf("read texts of social account %d", tenant.SocialAccount), err)
}
