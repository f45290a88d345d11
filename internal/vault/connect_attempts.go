package vault

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Connecting keeps sign-ins under way, the links that begin them, and the grants that come of them. All that opens something is kept as its
// SHA-256.
type Connecting struct{ Pool *pgxpool.Pool }

// What becomes of a sign-in that cannot go on.
var (
	// ErrAttemptUnknown (not_found): there is none, or it was forgotten.
	ErrAttemptUnknown = domain.NewError(domain.CodeNotFound, "This sign-in is not known here, or is long over. Nothing was connected. Start again where you began.")
	// ErrAttemptExpired (not_found): it took too long.
	ErrAttemptExpired = domain.NewError(domain.CodeNotFound, "This sign-in took too long and has expired. Nothing was connected. Start again where you began.")
	// ErrAttemptElsewhere (forbidden): another browser holds it.
	ErrAttemptElsewhere = domain.NewError(domain.CodeForbidden,
		"This sign-in was started in another browser and can only be finished there. Nothing was connected. Go back to that browser, or start again in this one.")
	// ErrAttemptUsed (conflict): it went on already.
	ErrAttemptUsed = domain.NewError(domain.CodeConflict, "This sign-in was used already, and works once. Start again where you began.")
)

// connectKept is how long it is known what came of a sign-in.
const connectKept = 24 * time.Hour

const attemptColumns = `id, parent_account, account_id, user_id, role, coalesce(link_id::text, '') as link_id, platform, redirect_uri, return_to, social_account,
	cookie, step, outcome, created_at, expires_at`

func (c Connecting) attempt(ctx context.Context, query string, args ...any) (a domain.ConnectAttempt, err error) {
	rows, _ := c.Pool.Query(ctx, query, args...)
	a, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[domain.ConnectAttempt])
	return a, doing(orNone(err, ErrAttemptUnknown), "look up a sign-in")
}

// Begin stores an attempt whose address ends in what start is the digest of.
func (c Connecting) Begin(ctx context.Context, a domain.ConnectAttempt, start []byte) error {
	return pg.Exec(ctx, c.Pool, "begin a sign-in", `
		insert into connect_attempts (id, start, parent_account, account_id, user_id, role, link_id, platform, redirect_uri, return_to, social_account,
		                              step, created_at, expires_at)
		values (@id, @start, @parent, @account, @user, @role, nullif(@link, '')::uuid, @platform, @redirect, @return, @social, 'begun', @now, @until)`,
		pgx.NamedArgs{
			"id": a.ID, "start": start, "parent": a.ParentAccount, "account": a.AccountID, "user": a.UserID, "role": a.Role, "link": a.LinkID,
			"platform": int(a.Platform), "redirect": a.RedirectURI, "return": a.ReturnTo, "social": a.SocialAccount, "now": a.CreatedAt, "until": a.ExpiresAt,
		})
}

// OpenAttempt binds an attempt to the browser that opens its address first, and stores what the platform must bring back. The same browser may
// open it again. Errors: [ErrAttemptUnknown], [ErrAttemptExpired], [ErrAttemptElsewhere], [ErrAttemptUsed].
func (c Connecting) OpenAttempt(ctx context.Context, start, cookie, state []byte, now time.Time) (domain.ConnectAttempt, error) {
	a, err := c.attempt(ctx, `
		update connect_attempts set cookie = $2, state = $3, step = 'opened'
		where start = $1 and expires_at > $4 and (step = 'begun' or step = 'opened' and cookie = $2)
		returning `+attemptColumns, start, cookie, state, now)
	if errors.Is(err, ErrAttemptUnknown) {
		return a, c.whyNot(ctx, "start", start, cookie, now)
	}
	return a, err
}

// TakeAttempt takes the attempt of what a call-back brought, once and only for the browser that holds it. Errors as of [Connecting.OpenAttempt];
// with [ErrAttemptUsed] the attempt is returned too.
func (c Connecting) TakeAttempt(ctx context.Context, state, cookie []byte, platform domain.Platform, now time.Time) (domain.ConnectAttempt, error) {
	a, err := c.attempt(ctx, `
		update connect_attempts set step = 'taken' where state = $1 and cookie = $2 and platform = $3 and step = 'opened' and expires_at > $4
		returning `+attemptColumns, state, cookie, int(platform), now)
	if !errors.Is(err, ErrAttemptUnknown) {
		return a, err
	}
	if err := c.whyNot(ctx, "state", state, cookie, now); !errors.Is(err, ErrAttemptUsed) {
		return a, err
	}
	a, err = c.attempt(ctx, `select `+attemptColumns+` from connect_attempts where state = $1 and platform = $2`, state, int(platform))
	if err != nil {
		return a, err
	}
	return a, ErrAttemptUsed
}

// WhyNotTaken says why a call-back of this browser leads nowhere, and takes nothing; nil where [Connecting.TakeAttempt] takes the attempt or has
// taken it. Errors: [ErrAttemptUnknown], [ErrAttemptElsewhere], [ErrAttemptExpired].
func (c Connecting) WhyNotTaken(ctx context.Context, state, cookie []byte, now time.Time) error {
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
	case a.Over(now):
		return ErrAttemptExpired
	default:
		return ErrAttemptUsed
	}
}

// Attempt returns an attempt by its id. Errors: [ErrAttemptUnknown].
func (c Connecting) Attempt(ctx context.Context, id string) (domain.ConnectAttempt, error) {
	return c.attempt(ctx, `select `+attemptColumns+` from connect_attempts where id::text = $1`, id)
}

// Choosing says that the tokens of an attempt that was taken wait until a time, under the ref connect/<id>, and hold the grant that they would
// renew: [Connecting.DropGrant]. Errors: [ErrAttemptUsed].
func (c Connecting) Choosing(ctx context.Context, id string, g domain.GrantKey, until time.Time) error {
	tag, err := c.Pool.Exec(ctx, `update connect_attempts set step = 'choosing', expires_at = $2, grant_ref = $3 where id::text = $1 and step = 'taken'`,
		id, until, g.SecretRef())
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrAttemptUsed
	}
	return doing(err, "let a sign-in wait for a choice")
}

// FinishAttempt stores what came of an attempt and deletes the tokens that waited, whether or not [Connecting.Choosing] was told of them.
func (c Connecting) FinishAttempt(ctx context.Context, id string, outcome domain.ConnectOutcome, now time.Time) error {
	return pg.Exec(ctx, c.Pool, "finish a sign-in", `
		with done as (update connect_attempts set step = 'done', outcome = $2, expires_at = $3 where id::text = $1)
		delete from secrets where ref = 'connect/' || $1`, id, outcome, now.Add(connectKept))
}

// Purge deletes the tokens whose choice did not come in time, what became of attempts a day after, links a day after their end, and grants that
// nothing hangs on, with their tokens, and requests for deletion 90 days after they are done.
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
		delete from secrets where ref in (select secret_ref from late union all select secret_ref from idle)`, now, now.Add(-connectKept), now.Add(-deletionKept))
}
