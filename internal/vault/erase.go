package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Eraser deletes the data stored about a person. It cannot read secrets and needs no key.
type Eraser struct{ pool *pgxpool.Pool }

// NewEraser returns an Eraser for a pool opened with [Open].
func NewEraser(pool *pgxpool.Pool) Eraser { return Eraser{pool} }

// Delete deletes the secret of ref, like [Secrets.Delete].
func (e Eraser) Delete(ctx context.Context, ref string) error {
	return (&Secrets{pool: e.pool}).Delete(ctx, ref)
}

// DeleteConnection removes a connection from its grant and deletes the connection's secret. It also
// deletes the grant, which names a person, and the grant's secret, unless another connection uses
// them: connections of several agencies may share a grant.
func (e Eraser) DeleteConnection(ctx context.Context, connection int64, ref string) error {
	_, err := e.release(ctx, []int64{connection}, []string{ref}, nil)
	return pg.Wrap(fmt.Sprintf("delete connection %d, its grant and its secret", connection), err)
}

// Secrets counts the secrets of refs and of the erased connections' grants: those that
// [Eraser.DeleteConnection] deletes, and those that are kept because other connections use them or
// because they are in shared.
func (e Eraser) Secrets(ctx context.Context, erased []int64, refs, shared []string) (deleted, kept int, err error) {
	err = e.pool.QueryRow(ctx, `
		select count(*) filter (where not used), count(*) filter (where used) from (
			select ref = any($3) or exists (
				select from granted_connections o join grants g using (platform, app, person)
				where g.secret_ref = s.ref and o.connection_id <> all($1)) as used
			from secrets s where ref = any($2) or ref = any($3) or ref in (
				select g.secret_ref from grants g join granted_connections c using (platform, app, person)
				where c.connection_id = any($1))) affected`,
		notNil(erased), refs, notNil(shared)).Scan(&deleted, &kept)
	return deleted, kept, pg.Wrap("count the secrets of connections", err)
}

// release removes deleted connections from their grants. It then deletes the grants that no other
// connection uses, their secrets, and the secrets of refs, and returns the number of deleted
// secrets. If before is not nil, it keeps grants whose consent was given, and secrets that were
// stored, at or after that time.
func (e Eraser) release(
	ctx context.Context, connections []int64, refs []string, before *time.Time,
) (deleted int, err error) {
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		// Lock the grants first: of two transactions that remove the last two connections
		// concurrently, one must see that no connection remains.
		rows, _ := tx.Query(ctx, `
			select secret_ref from grants where consented_at < coalesce($3::timestamptz, 'infinity') and (secret_ref = any($2)
			  or (platform, app, person) in (select platform, app, person from granted_connections where connection_id = any($1)))
			order by secret_ref for update`, connections, refs, before)
		grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from granted_connections c using grants g where c.connection_id = any($1) and g.secret_ref = any($2)
			and (c.platform, c.app, c.person) = (g.platform, g.app, g.person)`, connections, grants); err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, `delete from grants g where secret_ref = any($1) and not exists (
			select from granted_connections c where (c.platform, c.app, c.person) = (g.platform, g.app, g.person)) returning secret_ref`, grants)
		deletedGrants, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			delete from secrets s where (ref = any($1) or ref = any($2) and updated_at < coalesce($3::timestamptz, 'infinity'))
			and not exists (select from grants g where g.secret_ref = s.ref)`,
			deletedGrants, refs, before)
		deleted = int(tag.RowsAffected())
		return err
	})
	return deleted, err
}

// ForgetReads deletes the reading state of the social accounts in gone, and the pictures of their
// posts. For the accounts in stay, it deletes only failures and platform messages, which belong to
// the removed connection: figures that were already read need not be read again.
func (e Eraser) ForgetReads(ctx context.Context, gone, stay []int64) error {
	return pg.Exec(ctx, e.pool, fmt.Sprintf("delete the reading state of %d social accounts", len(gone)+len(stay)), `
		with gone as (delete from fetch_state where social_account_id = any($1)),
		     notes as (delete from post_notes where social_account_id = any($1)),
		     shown as (delete from pictures where social_account_id = any($1)),
		     words as (delete from platform_words where social_account_id = any($1) or social_account_id = any($2))
		update fetch_state set failures = 0, reason = null, due_at = least(due_at, now()), not_before = null,
		  history_failures = 0, history_reason = null, history_not_before = null where social_account_id = any($2)`, gone, stay)
}

// Reading reports whether a fetcher has claimed any of the social accounts.
func (e Eraser) Reading(ctx context.Context, accounts []int64) (reading bool, err error) {
	return pg.QueryBool(ctx, e.pool, "check whether social accounts are being read",
		`select exists (select from fetch_state where social_account_id = any($1) and claimed_until > now())`, accounts)
}

// ForgetUser deletes a user's notice cursors in every agency, sessions, sign-in links and the link
// to the identity provider.
func (e Eraser) ForgetUser(ctx context.Context, user string) error {
	return pg.Exec(ctx, e.pool, "delete the notice cursors and sessions of a user", `
		with ended as (delete from sessions where user_id = $1), links as (delete from sign_in_links where user_id = $1),
		     known as (delete from identities where user_id = $1)
		delete from notice_cursors where user_id = $1`, user)
}

// DeleteStale deletes the secrets of refs that were stored before an instant and returns their
// number. Like [Eraser.DeleteConnection], it keeps secrets that a connection outside gone uses.
// Call it only for tombstones.
func (e Eraser) DeleteStale(ctx context.Context, gone []int64, refs []string, before time.Time) (int, error) {
	deleted, err := e.release(ctx, gone, refs, &before)
	return deleted, pg.Wrap("delete stale secrets", err)
}

// wordsKept is how long platform messages are kept: they may name people, and a failure is
// investigated within weeks.
const wordsKept = 30 * 24 * time.Hour

// withWords completes a statement that begins with a common table expression named results: it
// stores the platform messages of these reads, replacing earlier ones. A read without a message
// does not change the stored message. Reads of an account's history are a separate kind.
const withWords = `
	insert into platform_words as w (social_account_id, kind, said_at, words)
	select id, kind, at, words from results where words <> '' order by id
	on conflict (social_account_id, kind) do update
	set said_at = excluded.said_at, words = excluded.words where excluded.said_at >= w.said_at`

// ForgetWords deletes platform messages after 30 days and returns their number.
func (e Eraser) ForgetWords(ctx context.Context, now time.Time) (int, error) {
	tag, err := e.pool.Exec(ctx, `delete from platform_words where said_at <= $1`, now.Add(-wordsKept))
	return int(tag.RowsAffected()), pg.Wrap("delete old platform messages", err)
}

const (
	deletionKept    = 90 * 24 * time.Hour // retention of a completed deletion request
	deletionClaimed = 5 * time.Minute     // duration of a claim on a request
)

// StopGrant deletes the tokens of a grant, unless the person has consented again since lastConsent,
// and reports whether it deleted them. The grant remains, and a later consent renews it.
func (c Connecting) StopGrant(ctx context.Context, g domain.GrantKey, lastConsent time.Time) (stopped bool, err error) {
	return pg.QueryBool(ctx, c.Pool, "delete the tokens of a grant", `
		with stopped as (select secret_ref from grants
		  where platform = $1 and app = $2 and person = $3 and consented_at = $4 for update),
		gone as (delete from secrets where ref in (select secret_ref from stopped))
		select exists (select from stopped)`, int(g.Platform), g.App, g.Person, lastConsent)
}

// AskDeletion stores a person's deletion request, unless it is already stored.
func (c Connecting) AskDeletion(ctx context.Context, r domain.DeletionRequest) error {
	return pg.Exec(ctx, c.Pool, "store a deletion request", `
		insert into deletion_requests (code, platform, person, asked_at, done_at) values ($1, $2, $3, $4, $5) on conflict do nothing`,
		r.Code, int(r.Platform), r.Person, r.AskedAt, r.DoneAt)
}

const deletionColumns = `code, platform, person, asked_at, done_at`

// Deletion returns the requests with a code, one per platform.
func (c Connecting) Deletion(ctx context.Context, code string) ([]domain.DeletionRequest, error) {
	return pg.List(ctx, c.Pool, "look up a deletion request", pgx.RowToStructByName[domain.DeletionRequest],
		`select `+deletionColumns+` from deletion_requests where code = $1 order by platform`, code)
}

// ClaimDeletion claims one open, unclaimed request for five minutes; found is false if no such
// request exists. If [Connecting.DeletionDone] is not called in that time, the request can be
// claimed again.
func (c Connecting) ClaimDeletion(
	ctx context.Context, now time.Time,
) (r domain.DeletionRequest, found bool, err error) {
	return pg.Find(ctx, c.Pool, "claim a deletion request", pgx.RowToStructByName[domain.DeletionRequest], `
		update deletion_requests set claimed_until = $2 where (code, platform) = (
		  select code, platform from deletion_requests where done_at is null and (claimed_until is null or claimed_until <= $1)
		  order by asked_at, code, platform limit 1 for update skip locked)
		returning `+deletionColumns, now, now.Add(deletionClaimed))
}

// DeletionDone marks a request as done and removes the person's ID from it. It also deletes the
// grants that the person gave before the request, and their tokens.
func (c Connecting) DeletionDone(ctx context.Context, r domain.DeletionRequest, now time.Time) error {
	err := pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			with gone as (delete from grants where platform = $1 and person = $2 and consented_at < $3 returning secret_ref)
			delete from secrets where ref in (select secret_ref from gone)`,
			int(r.Platform), r.Person, r.CoversUntil())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update deletion_requests set done_at = $3, person = '' where code = $1 and platform = $2`,
			r.Code, int(r.Platform), now)
		return err
	})
	return pg.Wrap("complete a deletion request", err)
}
