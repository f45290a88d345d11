package directory

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Connections reads the data that the fetchers need: connections from the log, and the results of
// earlier readings from the schema kept.
type Connections struct{ Pool *pgxpool.Pool }

// worthReading contains the joins and conditions that select accounts to be read; $1 is the
// platform, $2 the kind, $3 the current time. The fetchers handle paused platforms.
const worthReading = connectionJoins + toRead

const toRead = `
	where s.p_id = $1 and s.connected and ` + readmodels.ToBeRead

const accountToRead = readJoins + toRead

const connectionJoins = readJoins + `
	left join kept.fetch_state f on f.kind = $2 and f.p_id = s.p_id and f.social_account_id = s.id`

const readJoins = `
	from tSAccounts s
	cross join (select $3::timestamptz as now) t` + readmodels.SignInJoins

// due selects, of the accounts with a row, those that are due and not claimed; $4 is when times are
// attributed to a wrong clock. An account is due at its time, but after a failure or a refusal by a
// quota not before its next attempt; or immediately if its token was replaced.
const (
	due = ` (greatest(f.due_at, f.not_before) <= $3 or f.due_at is null or` + replaced + `) and` + unclaimed

	replaced = ` (f.updated_at > $4 or k.updated_at > f.updated_at and k.updated_at <= $4)`

	unclaimed = ` (f.claimed_until is null or f.claimed_until <= clock_timestamp())`
)

// claim claims the accounts without a row first, which were never read, and then those that are due:
// never tried, or else the most overdue. The accounts whose time has come are read in the order of an
// index, each with its conditions, until there are enough; the others only if there are too few. $7 leaves
// out those that were tried.
const claim = `
	with fresh as (
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at, claimed_until)
		select $2, $1, n.id, $3, $3, now() + $6::interval
		from (
			select s.id from tSAccounts s where s.p_id = $1 and s.connected
			except -- hashed; an anti-join might look up each account
			select f.social_account_id from kept.fetch_state f where f.kind = $2 and f.p_id = $1) n
		cross join lateral (select` + accountToRead + ` and s.id = n.id offset 0) s
		order by n.id limit $5
		on conflict do nothing
		returning social_account_id as id, claimed_until
	), free as (
		select id from (` + claimable + ` (f.not_before is null or f.not_before <= $3 or` + replaced + `)
			offset 0) s where f.due_at <= $3 and ` + untried + ` >= $7` + inOrder + `) due
		union all
		select id from (` + claimable + replaced + `
			offset 0) s where f.due_at > $3 and not $7` + inOrder + `) early
		limit greatest(0, $5 - (select count(*) from fresh))
	), claimed as (
		update kept.fetch_state f set claimed_until = now() + $6::interval
		from free where f.kind = $2 and f.p_id = $1 and f.social_account_id = free.id
		returning free.id, f.claimed_until
	)
	` + taskColumns + `, claims.claimed_until` + connectionJoins + `
	join (select * from fresh union all select * from claimed) claims on claims.id = s.id
	where s.p_id = $1
	order by f.read_at is null and coalesce(f.failures, 0) = 0 desc, f.due_at nulls first, s.id`

const claimable = `
			select f.social_account_id as id from kept.fetch_state f
			cross join lateral (
				select` + accountToRead + ` and s.id = f.social_account_id and`

const untried = `(f.read_at is null and f.failures = 0)`

// inOrder is the order of the index fetch_state_due.
const inOrder = ` and f.p_id + 0 = $1 and f.kind = $2 and` + unclaimed + `
			order by ` + untried + ` desc, f.due_at, f.social_account_id
			limit greatest(0, $5 - (select count(*) from fresh))
			for update of f skip locked`

// Claim claims the next due accounts of a queue, and returns what a reading needs. It skips accounts
// that another process is claiming at the same moment.
func (c Connections) Claim(ctx context.Context, wanted domain.FetchWanted, now time.Time) (domain.FetchClaim, error) {
	queue := wanted.FetchQueue
	claimed := domain.FetchClaim{FetchQueue: queue}
	err := pgx.BeginTxFunc(ctx, c.Pool, pgx.TxOptions{AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, claim, int(queue.Platform), queue.Kind, now, now.Add(domain.WrongClock),
			wanted.Limit, wanted.Lasts, wanted.OnlyNew)
		if err != nil {
			return err
		}
		claimed.Tasks, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (domain.FetchTask, error) {
			return scanTask(row, &claimed.Until)
		})
		return err
	})
	return claimed, pg.Wrap("claim due accounts of "+queue.Platform.String(), err)
}

// Backlog returns the number of accounts that are due and not claimed, and for how long the most
// overdue one has waited.
func (c Connections) Backlog(
	ctx context.Context, queue domain.FetchQueue, now time.Time,
) (accounts int, lag time.Duration, err error) {
	err = c.Pool.QueryRow(ctx, `
		select count(*), coalesce(greatest($3 - min(greatest(f.due_at, f.not_before)), '0'), '0')`+worthReading+` and`+due,
		int(queue.Platform), queue.Kind, now, now.Add(domain.WrongClock)).Scan(&accounts, &lag)
	return accounts, lag, pg.Wrap("count due accounts of "+queue.Platform.String(), err)
}

const taskColumns = `
	select s.parent_account, s.account_id, s.member_id, s.id, s.p_id, s.a_type, s.external_id, s.connection_id,
	       coalesce(c.secret_ref, ''), coalesce(st.reason ->> 'code', own.reason ->> 'code', ''),
	       st.reason is null and own.reason is not null, ` + readmodels.Subscribed + `,
	       coalesce(f.due_at, $3), f.read_at, coalesce(f.failures, 0), f.backfilled_at, f.demographics_at,
	       coalesce(f.pace, '{}'),
	       coalesce(f.list_cursor, ''), f.list_began, f.listed_to, f.listed_whole,
	       f.history_from, coalesce(f.history_failures, 0), f.history_not_before,
	       f.history_reason,
	       case when st.reason is not null then st.at when own.reason is not null then own.at else greatest(st.at, own.at) end,
	       k.updated_at, k.signed_in_at,
	       (select min(n.tracked_since) from figure_owners n
	        where n.social_account_id = s.id and n.parent_account = s.parent_account)`

// Task returns one social account of a platform, regardless of its state.
func (c Connections) Task(
	ctx context.Context, queue domain.FetchQueue, socialAccount int64, now time.Time,
) (domain.FetchTask, error) {
	doing := fmt.Sprintf("read social account %d", socialAccount)
	tasks, err := pg.List(ctx, c.Pool, doing, func(row pgx.CollectableRow) (domain.FetchTask, error) {
		return scanTask(row)
	}, taskColumns+connectionJoins+` where s.p_id = $1 and s.id = $4`, int(queue.Platform), queue.Kind, now, socialAccount)
	if err != nil {
		return domain.FetchTask{}, err
	}
	if len(tasks) == 0 {
		return domain.FetchTask{}, domain.NewError(domain.CodeNotFound,
			"There is no social account %d on %s. Use an id of tSAccounts.", socialAccount, queue.Platform)
	}
	return tasks[0], nil
}

func scanTask(row pgx.CollectableRow, more ...any) (t domain.FetchTask, err error) {
	return t, row.Scan(append([]any{
		&t.ParentAccount, &t.AccountID, &t.MemberID, &t.SocialAccount, &t.Platform, &t.AccountType,
		&t.ExternalID, &t.ConnectionID, &t.SecretRef, &t.StateCode, &t.StateOfPage, &t.SubscriptionActive,
		&t.DueAt, &t.ReadAt, &t.Failures, &t.BackfilledAt, &t.DemographicsAt, &t.Pace,
		&t.Listing.Cursor, &t.Listing.Began, &t.Listing.To, &t.Listing.Whole,
		&t.History.From, &t.History.Failures, &t.History.NotBefore, &t.History.Reason,
		&t.StateAt, &t.TokenTakenAt, &t.SignedInAt, &t.TrackedSince,
	}, more...)...)
}

// SignInsDue counts the accounts that are currently read, and those of them whose tokens expire, or
// can no longer be renewed, before a given time.
func (c Connections) SignInsDue(
	ctx context.Context, platform domain.Platform, now, before time.Time,
) (accounts, due int, err error) {
	err = c.Pool.QueryRow(ctx, `select count(*), count(*) filter (where k.renewable_until < $4)`+connectionJoins+`
		where s.p_id = $1 and s.connected and not `+readmodels.AwaitsSignIn+` and `+readmodels.Subscribed,
		int(platform), domain.FetchTokens, now, before).Scan(&accounts, &due)
	return accounts, due, pg.Wrap(fmt.Sprintf("count upcoming sign-ins for %s", platform), err)
}

// ErrConnectionNotFound (not_found) is returned for a connection that is not, or not yet, in the
// directory.
var ErrConnectionNotFound = domain.NewError(domain.CodeNotFound,
	"This connection is not in the directory. Send or import it first "+
		"(directory.connection.v1, the row of tMemberAuth), and wait until it is in the tables.")

// TokenPlace returns where the tokens of a connection are stored and whether it waits for new ones,
// or [ErrConnectionNotFound].
func (c Connections) TokenPlace(ctx context.Context, connection int64) (place domain.TokenPlace, err error) {
	place.ConnectionID = connection
	doing := fmt.Sprintf("look up connection %d", connection)
	known, err := pg.ScanOptional(c.Pool.QueryRow(ctx, `
		select a.p_id, coalesce(a.secret_ref, ''), k.signed_in_at,
			coalesce(st.reason ->> 'code', ''), st.at,
			(select max(own.at) from connection_states own
			 where own.connection_id = a.id and own.social_account_id <> 0 and own.reason is not null)
		from tMemberAuth a
		left join kept.secrets k on k.ref = a.secret_ref
		left join connection_states st on st.connection_id = a.id and st.social_account_id = 0
		where a.id = $1`, connection), doing,
		&place.Platform, &place.SecretRef, &place.StoredAt, &place.StateCode, &place.StateAt, &place.PageStateAt)
	if err == nil && !known {
		err = pg.Wrap(doing, ErrConnectionNotFound)
	}
	return place, err
}

// KnownPosts returns the posts of a tenant's social account, newest first, each with its last
// reading, and with whether it has had figures.
func (c Connections) KnownPosts(ctx context.Context, tenant domain.Tenant) ([]domain.KnownPost, error) {
	doing := fmt.Sprintf("read posts of social account %d", tenant.SocialAccount)
	return pg.List(ctx, c.Pool, doing, pgx.RowToStructByPos[domain.KnownPost], `
		select p.external_id, coalesce(p.post_type, ''), p.published_at,
		       (select r.captured_at from post_readings r
		        where r.post = p.post and r.counted and r.owner = any(array(
		          select id from post_owners where social_account_id = $1 and parent_account = $2 and account_id = $3))
		        order by r.captured_at desc limit 1),
		       p.member_id, coalesce(l.figures, false), coalesce(l.shares, false)
		from tSPosts p
		left join lateral (
		       select 0 <> any (array[r.`+strings.Join(domain.PostMetrics(), ", r.")+`,
		                r.known_`+strings.Join(domain.GainedPostMetrics[:], ", r.known_")+`]) as figures,
		              coalesce(r.shares, r.known_shares) <> 0 as shares
		       from post_readings r
		       where r.post = p.post and r.counted
		       order by r.captured_at desc limit 1) l on true
		where p.social_account_id = $1 and p.parent_account = $2 and p.account_id = $3
		order by p.published_at desc nulls last, p.external_id`,
		tenant.SocialAccount, tenant.ParentAccount, tenant.AccountID)
}

// ListedTexts returns the latest texts of posts from the listing of a tenant's social account, by
// post id.
func (c Connections) ListedTexts(
	ctx context.Context, tenant domain.Tenant, posts []string,
) (map[string]domain.PostTexts, error) {
	rows, _ := c.Pool.Query(ctx, `
		select external_id, coalesce(content, ''), coalesce(media_url, ''), coalesce(permalink, '') from post_contents
		where parent_account = $1 and social_account_id = $2 and external_id = any($3) and account_id = $4
		  and origin = '`+string(domain.OriginListing)+`'`,
		tenant.ParentAccount, tenant.SocialAccount, posts, tenant.AccountID)
	byPost := make(map[string]domain.PostTexts, len(posts))
	var id string
	var texts domain.PostTexts
	_, err := pgx.ForEachRow(rows, []any{&id, &texts.Content, &texts.MediaURL, &texts.Permalink}, func() error {
		byPost[id] = texts
		return nil
	})
	return byPost, pg.Wrap(fmt.Sprintf("read texts of social account %d", tenant.SocialAccount), err)
}

// ConnectionReading is the reading status of one connected account, for operators.
type ConnectionReading struct {
	// "facebook", "instagram", "linkedin" or "tiktok"
	PlatformName string `json:"platform_name" words:"{platform names}"`
	// the connected profile or page
	SocialAccount int64 `json:"social_account_id"`
	// {account types}
	AccountType domain.AccountType `json:"a_type,omitempty"`
	// Name is the name of the page on the platform. Null if unknown and for a person's own profile.
	Name        domain.OptionalText `json:"name"`
	Agency      string              `json:"agency"`       // the agency, 24 hex digits
	AgencyName  domain.OptionalText `json:"agency_name"`  // name of the agency. Null if unknown.
	AccountID   string              `json:"account_id"`   // the client, 24 hex digits
	AccountName domain.OptionalText `json:"account_name"` // name of the account. Null if unknown.
	// the authorization; several accounts can share it
	ConnectionID int64 `json:"connection_id"`

	domain.ConnectionStatus

	// ExpiresAt is when the current token expires; null if it never expires or the time is unknown.
	ExpiresAt *time.Time `json:"expires_at"`
	// SignInBefore is the deadline for the next sign-in; null if there is no deadline, it is unknown,
	// or the account already waits for a sign-in.
	SignInBefore *time.Time `json:"sign_in_before"`
	// DataAccessExpiresAt is when Meta stops providing data unless the person signs in again. Null
	// for other platforms, or if unknown.
	DataAccessExpiresAt *time.Time `json:"data_access_expires_at"`

	domain.Permissions

	// LastReadAt is when the account's totals were last read; null if never.
	LastReadAt *time.Time `json:"last_read_at"`
	// NextDue is when the account's totals are due next. Null means immediately or, depending on
	// the state, not at all.
	NextDue *time.Time `json:"next_due"`
	// how often the account's totals are read; null before the first reading and while not read
	Pace domain.OptionalText `json:"pace"`
	// API calls per day to read the account's totals and posts; 0 while it is not read
	CallsADay int `json:"calls_a_day"`
}

// ReadingsQuery selects the reading status of connected accounts.
type ReadingsQuery struct {
	Account     string  // sub-account; "" for all
	Connections []int64 // nil for all
}

// Readings lists the reading status of the connected accounts of all agencies at a given time,
// ordered by platform and id.
func (c Connections) Readings(ctx context.Context, q ReadingsQuery, now time.Time) ([]ConnectionReading, error) {
	return pg.List(ctx, c.Pool, "list reading status of connections", scanReading, `
		select s.p_id, s.id, s.a_type, coalesce(s.name, ''), s.parent_account, coalesce(agency.name, ''), s.account_id,
		       coalesce(client.name, ''), s.connection_id, status.status, status.reasons, status.since, status.pause,
		       status.token_ends, case when status.status <> '`+string(domain.PageReconnect)+`' then status.renewable_until end,
		       status.data_access_until, status.granted, coalesce(status.read_at, status.captured_at), status.due_at,
		       status.is_read, status.pace, status.posts_pace
		from tSAccounts s
		cross join (select $2::timestamptz as now) t`+readmodels.ConnectionStatus+`
		left join accounts agency on agency.id = s.parent_account
		left join accounts client on client.id = s.account_id
		where s.connected and ($1 = '' or s.account_id = $1) and ($3::bigint[] is null or s.connection_id = any($3))
		order by s.p_id, s.id`, q.Account, now, q.Connections)
}

func scanReading(row pgx.CollectableRow) (r ConnectionReading, err error) {
	var pause string
	var isRead bool
	var pace, postsPace domain.Pace
	var platform domain.Platform
	var granted *string
	err = row.Scan(&platform, &r.SocialAccount, &r.AccountType, &r.Name, &r.Agency, &r.AgencyName,
		&r.AccountID, &r.AccountName, &r.ConnectionID, &r.Status, &r.Reasons, &r.Since, &pause,
		&r.ExpiresAt, &r.SignInBefore, &r.DataAccessExpiresAt, &granted,
		&r.LastReadAt, &r.NextDue, &isRead, &pace, &postsPace)
	if isRead {
		r.Pace, r.CallsADay = domain.OptionalText(pace.String()), pace.CallsADay()+postsPace.CallsADay()
	}
	r.PlatformName = platform.String()
	r.Text = readmodels.TextOf(r.Reasons, domain.OperatorText, platform)
	for _, detail := range []string{pause, domain.AnswersOf(r.Reasons)} {
		if detail != "" {
			r.Text += domain.OptionalText(" (" + detail + ")")
		}
	}
	if platform.Personal(r.AccountType) {
		r.Name = ""
	}
	r.Permissions = domain.PermissionsOf(platform, r.AccountType, granted)
	return r, err
}
