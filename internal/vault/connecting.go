package vault

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Connecting stores sign-ins in progress, the links that start them, and the resulting grants.
// Secrets that give access are stored as SHA-256 digests.
type Connecting struct{ Pool *pgxpool.Pool }

// Errors of a link that cannot be used.
var (
	// ErrLinkUnknown (not_found): the link does not exist, has expired or was revoked.
	ErrLinkUnknown = domain.NewError(domain.CodeNotFound,
		"This link is no longer valid. Ask the person who sent it for a new one.")
	// ErrLinkElsewhere (forbidden): another browser opened the link first.
	ErrLinkElsewhere = domain.NewError(domain.CodeForbidden,
		"This link was opened in another browser and works only there. "+
			"Use that browser, or ask the person who sent it for a new link.")
)

const linkColumns = `id::text as id, parent_account, account_id, platforms, made_by, made_role, made_at, expires_at, revoked_at,
	cookie is not null as followed, cookie`

func (c Connecting) link(ctx context.Context, query string, args ...any) (domain.ConnectLink, error) {
	return one[domain.ConnectLink](ctx, c.Pool, "look up a connect link", ErrLinkUnknown, query, args...)
}

// MakeLink stores a link. token is the digest of the last part of the link's URL.
func (c Connecting) MakeLink(ctx context.Context, l domain.ConnectLink, token []byte) error {
	return pg.Exec(ctx, c.Pool, "create a connect link", `
		insert into connect_links (id, token, parent_account, account_id, platforms, made_by, made_role, made_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		l.ID, token, l.ParentAccount, l.AccountID, l.Platforms, l.MadeBy, l.MadeRole, l.MadeAt, l.ExpiresAt)
}

// Links returns the links of an agency, or of one account, newest first.
func (c Connecting) Links(ctx context.Context, parent, account string) ([]domain.ConnectLink, error) {
	return pg.List(ctx, c.Pool, "list connect links", pgx.RowToStructByName[domain.ConnectLink], `
		select `+linkColumns+` from connect_links where parent_account = $1 and ($2 = '' or account_id = $2)
		order by made_at desc, id`, parent, account)
}

// Link returns a link by the digest of the last part of its URL. Errors: [ErrLinkUnknown].
func (c Connecting) Link(ctx context.Context, token []byte) (domain.ConnectLink, error) {
	return c.link(ctx, `select `+linkColumns+` from connect_links where token = $1`, token)
}

// LinkByID returns a link of an agency. Errors: [ErrLinkUnknown].
func (c Connecting) LinkByID(ctx context.Context, parent, id string) (domain.ConnectLink, error) {
	return c.link(ctx, `select `+linkColumns+` from connect_links where parent_account = $1 and id::text = $2`,
		parent, id)
}

// FollowLink binds a link to a browser unless it is already bound, and reports whether this call
// bound it. Errors: [ErrLinkUnknown], [ErrLinkElsewhere].
func (c Connecting) FollowLink(
	ctx context.Context, token, cookie []byte, now time.Time,
) (l domain.ConnectLink, first bool, err error) {
	l, err = c.link(ctx, `
		update connect_links set cookie = $2 where token = $1 and cookie is null and revoked_at is null and expires_at > $3
		returning `+linkColumns, token, cookie, now)
	if !errors.Is(err, ErrLinkUnknown) {
		return l, err == nil, err
	}
	switch l, err = c.Link(ctx, token); {
	case err != nil:
		return l, false, err
	case !l.Open(now):
		return l, false, ErrLinkUnknown
	case !bytes.Equal(l.Cookie, cookie):
		return l, false, ErrLinkElsewhere
	default:
		return l, false, nil
	}
}

// RevokeLink revokes a link of an agency; sign-ins started with it cannot continue. Errors:
// [ErrLinkUnknown].
func (c Connecting) RevokeLink(ctx context.Context, parent, id string, now time.Time) (domain.ConnectLink, error) {
	return c.link(ctx, `
		update connect_links set revoked_at = coalesce(revoked_at, $3) where parent_account = $1 and id::text = $2
		returning `+linkColumns, parent, id, now)
}

// Errors of a sign-in that cannot continue.
var (
	// ErrAttemptUnknown (not_found): the attempt does not exist or was deleted.
	ErrAttemptUnknown = domain.NewError(domain.CodeNotFound,
		"This sign-in does not exist or has ended. Nothing was connected. Start again.")
	// ErrAttemptExpired (not_found): the sign-in took too long.
	ErrAttemptExpired = domain.NewError(domain.CodeNotFound,
		"This sign-in has expired. Nothing was connected. Start again.")
	// ErrAttemptElsewhere (forbidden): the attempt belongs to another browser.
	ErrAttemptElsewhere = domain.NewError(domain.CodeForbidden,
		"This sign-in was started in another browser and can only be finished there. Nothing was connected. "+
			"Go back to that browser, or start again in this one.")
	// ErrAttemptUsed (conflict): the attempt was already used.
	ErrAttemptUsed = domain.NewError(domain.CodeConflict, "This sign-in has already been used. Start again.")
)

// connectKept is the retention of ended sign-ins, expired links and grants without connections.
const connectKept = 24 * time.Hour

const attemptColumns = `id, parent_account, account_id, user_id, role, coalesce(link_id::text, '') as link_id, platform,
	redirect_uri, return_to, social_account, cookie, step, outcome, created_at, expires_at`

func (c Connecting) attempt(ctx context.Context, query string, args ...any) (domain.ConnectAttempt, error) {
	return one[domain.ConnectAttempt](ctx, c.Pool, "look up a sign-in", ErrAttemptUnknown, query, args...)
}

// Begin stores an attempt. start is the digest of the last part of the attempt's URL.
func (c Connecting) Begin(ctx context.Context, a domain.ConnectAttempt, start []byte) error {
	return pg.Exec(ctx, c.Pool, "begin a sign-in", `
		insert into connect_attempts (id, start, parent_account, account_id, user_id, role, link_id, platform, redirect_uri,
		                              return_to, social_account, step, created_at, expires_at)
		values (@id, @start, @parent, @account, @user, @role, nullif(@link, '')::uuid, @platform, @redirect,
		        @return, @social, 'begun', @now, @until)`,
		pgx.NamedArgs{
			"id": a.ID, "start": start, "parent": a.ParentAccount, "account": a.AccountID, "user": a.UserID,
			"role": a.Role, "link": a.LinkID, "platform": int(a.Platform), "redirect": a.RedirectURI, "return": a.ReturnTo,
			"social": a.SocialAccount, "now": a.CreatedAt, "until": a.ExpiresAt,
		})
}

// OpenAttempt binds an attempt to the first browser that opens its URL, and stores the state that
// the platform must return. The same browser may open it again. Errors: [ErrAttemptUnknown],
// [ErrAttemptExpired], [ErrAttemptElsewhere], [ErrAttemptUsed].
func (c Connecting) OpenAttempt(
	ctx context.Context, start, cookie, state []byte, now time.Time,
) (domain.ConnectAttempt, error) {
	a, err := c.attempt(ctx, `
		update connect_attempts set cookie = $2, state = $3, step = 'opened'
		where start = $1 and expires_at > $4 and (step = 'begun' or step = 'opened' and cookie = $2)
		returning `+attemptColumns, start, cookie, state, now)
	if errors.Is(err, ErrAttemptUnknown) {
		return a, c.whyNot(ctx, "start", start, cookie, now)
	}
	return a, err
}

// TakeAttempt marks the attempt of a callback as taken. It succeeds once, and only for the browser
// that opened the attempt. Errors: as for [Connecting.OpenAttempt]. If the error is
// [ErrAttemptUsed], the attempt is returned too.
func (c Connecting) TakeAttempt(
	ctx context.Context, state, cookie []byte, platform domain.Platform, now time.Time,
) (domain.ConnectAttempt, error) {
	a, err := c.attempt(ctx, `
		update connect_attempts set step = 'taken'
		where state = $1 and cookie = $2 and platform = $3 and step = 'opened' and expires_at > $4
		returning `+attemptColumns, state, cookie, int(platform), now)
	if !errors.Is(err, ErrAttemptUnknown) {
		return a, err
	}
	if err := c.whyNot(ctx, "state", state, cookie, now); !errors.Is(err, ErrAttemptUsed) {
		return a, err
	}
	a, err = c.attempt(ctx, `select `+attemptColumns+` from connect_attempts where state = $1 and platform = $2`,
		state, int(platform))
	return a, cmp.Or(err, error(ErrAttemptUsed))
}

// CheckAttempt returns the error with which [Connecting.TakeAttempt] would fail for a callback from
// this browser, without taking the attempt; nil if TakeAttempt would succeed or has succeeded.
func (c Connecting) CheckAttempt(ctx context.Context, state, cookie []byte, now time.Time) error {
	if err := c.whyNot(ctx, "state", state, cookie, now); !errors.Is(err, ErrAttemptUsed) {
		return err
	}
	return nil
}

func (c Connecting) whyNot(ctx context.Context, column string, digest, cookie []byte, now time.Time) error {
	a, err := c.attempt(ctx, `select `+attemptColumns+` from connect_attempts where `+column+` = $1`, digest)
	switch {
	case err != nil:
		return err
	case a.Cookie != nil && !bytes.Equal(a.Cookie, cookie):
		return ErrAttemptElsewhere
	case a.Expired(now):
		return ErrAttemptExpired
	default:
		return ErrAttemptUsed
	}
}

// Attempt returns an attempt by ID. Errors: [ErrAttemptUnknown].
func (c Connecting) Attempt(ctx context.Context, id string) (domain.ConnectAttempt, error) {
	return c.attempt(ctx, `select `+attemptColumns+` from connect_attempts where id::text = $1`, id)
}

// Choosing records that the tokens of a taken attempt are stored under the ref connect/<id> until
// the given time. Until then, [Connecting.DropGrant] keeps the grant that they would renew. Errors:
// [ErrAttemptUsed].
func (c Connecting) Choosing(ctx context.Context, id string, g domain.GrantKey, until time.Time) error {
	tag, err := c.Pool.Exec(ctx, `
		update connect_attempts set step = 'choosing', expires_at = $2, grant_ref = $3 where id::text = $1 and step = 'taken'`,
		id, until, g.SecretRef())
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrAttemptUsed
	}
	return pg.Wrap("store the pending choice of a sign-in", err)
}

// EndChoices ends a person's sign-ins that wait for a choice and were made before an instant. It
// deletes their stored tokens.
func (c Connecting) EndChoices(ctx context.Context, g domain.GrantKey, before time.Time) error {
	return pg.Exec(ctx, c.Pool, "end the pending choices of a person", `
		with ended as (
		  update connect_attempts a set expires_at = least(a.expires_at, s.signed_in_at) from secrets s
		  where a.grant_ref = $1 and a.step = 'choosing' and s.ref = 'connect/' || a.id::text and s.signed_in_at < $2 returning s.ref)
		delete from secrets where ref in (select ref from ended)`, g.SecretRef(), before)
}

// FinishAttempt stores the outcome of an attempt and deletes its stored tokens, even if
// [Connecting.Choosing] was not called.
func (c Connecting) FinishAttempt(ctx context.Context, id string, outcome domain.ConnectOutcome, now time.Time) error {
	return pg.Exec(ctx, c.Pool, "finish a sign-in", `
		with done as (update connect_attempts set step = 'done', outcome = $2, expires_at = $3 where id::text = $1)
		delete from secrets where ref = 'connect/' || $1`, id, outcome, now.Add(connectKept))
}

// Purge deletes the tokens of expired sign-ins; sign-ins and links a day after they end; grants
// without connections, and their tokens, a day after the consent; and deletion requests 90 days
// after their completion.
func (c Connecting) Purge(ctx context.Context, now time.Time) error {
	return pg.Exec(ctx, c.Pool, "purge sign-ins", `
		with late as (select 'connect/' || id::text as secret_ref from connect_attempts where expires_at <= $1),
		gone as (delete from connect_attempts where expires_at <= $2 or step = 'done' and expires_at <= $1),
		links as (delete from connect_links where expires_at <= $2),
		deletions as (delete from deletion_requests where done_at <= $3),
		idle as (
		  delete from grants g where consented_at <= $2 and not exists (
		    select from granted_connections c where (c.platform, c.app, c.person) = (g.platform, g.app, g.person))
		  returning secret_ref)
		delete from secrets where ref in (select secret_ref from late union all select secret_ref from idle)`,
		now, now.Add(-connectKept), now.Add(-deletionKept))
}
