package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Eraser deletes what is kept of a person and can do nothing else with it: it needs no key.
type Eraser struct{ secrets Secrets }

// NewEraser returns the eraser of a pool that [Open] made.
func NewEraser(pool *pgxpool.Pool) Eraser { return Eraser{Secrets{pool: pool}} }

// Delete is [Secrets.Delete].
func (e Eraser) Delete(ctx context.Context, ref string) error { return e.secrets.Delete(ctx, ref) }

// DeleteConnection takes a connection off its grant and deletes its secret, and the grant, which names the person, with its own. Connections
// of several agencies may share them: what another connection hangs on stays.
func (e Eraser) DeleteConnection(ctx context.Context, connection int64, ref string) error {
	_, err := e.letGo(ctx, []int64{connection}, []string{ref}, nil)
	return doing(err, "forget connection %d, its grant and its secret", connection)
}

// letGo takes connections that are gone off their grants, and deletes of the refs, and of those grants, what nothing hangs on any more. What was
// stored, or agreed to, at the instant or later stays; nil: nothing does for that.
func (e Eraser) letGo(ctx context.Context, connections []int64, refs []string, before *time.Time) (deleted int, err error) {
	err = pgx.BeginFunc(ctx, e.secrets.pool, func(tx pgx.Tx) error {
		// The grants are locked first: of two that take the last two connections off at once, one must see that nothing is left.
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
		dropped, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from secrets s where (ref = any($1) or ref = any($2) and updated_at < coalesce($3::timestamptz, 'infinity'))
			and not exists (select from grants g where g.secret_ref = s.ref) and not exists (select from granted_connections c where c.secret_ref = s.ref)`,
			dropped, refs, before)
		deleted = int(tag.RowsAffected())
		return err
	})
	return deleted, err
}

// ForgetReads deletes what became of reading the social accounts that go, and the pictures of their posts. Of those that stay it deletes the
// failures and the platforms' words only: they were of a connection that ends, while what was read of an account need not be read again.
func (e Eraser) ForgetReads(ctx context.Context, gone, stay []int64) error {
	return pg.Exec(ctx, e.secrets.pool, fmt.Sprintf("forget the reads of %d social accounts", len(gone)+len(stay)), `
		with gone as (delete from fetch_state where social_account_id = any($1)),
		     notes as (delete from post_notes where social_account_id = any($1)),
		     shown as (delete from pictures where social_account_id = any($1)),
		     words as (delete from platform_words where social_account_id = any($1) or social_account_id = any($2))
		update fetch_state set failures = 0, class = '', reason = '', due_at = least(due_at, now()),
		  history_failures = 0, history_class = '', history_reason = '', history_not_before = null where social_account_id = any($2)`, gone, stay)
}

// Reading reports whether a fetcher has claimed any of the social accounts.
func (e Eraser) Reading(ctx context.Context, accounts []int64) (reading bool, err error) {
	return pg.Is(ctx, e.secrets.pool, "look whether social accounts are being read",
		`select exists (select from fetch_state where social_account_id = any($1) and claimed_until > now())`, accounts)
}

// ForgetUser deletes how far a user has seen notices, in every agency, where it is signed in, links that would sign it in, and whom the identity
// provider knows it as.
func (e Eraser) ForgetUser(ctx context.Context, user string) error {
	return pg.Exec(ctx, e.secrets.pool, "forget the notice cursors and the sessions of a user", `
		with ended as (delete from sessions where user_id = $1), links as (delete from sign_in_links where user_id = $1),
		     known as (delete from identities where user_id = $1)
		delete from notice_cursors where user_id = $1`, user)
}

// DeleteStale deletes those of the refs whose secrets were stored before an instant, and tells how many there were. As of
// [Eraser.DeleteConnection], what a connection hangs on that is not among the gone ones stays. As [Secrets.Delete] it is called for tombstones
// only.
func (e Eraser) DeleteStale(ctx context.Context, gone []int64, refs []string, before time.Time) (int, error) {
	deleted, err := e.letGo(ctx, gone, refs, &before)
	return deleted, doing(err, "delete stale secrets")
}

// wordsKept is how long a platform's words are kept: they name people, and who looks into a failure does so within weeks.
const wordsKept = 30 * 24 * time.Hour

// withWords ends a statement with what platforms said about the reads in results, in place of what they said before. Reads
// without words leave what is stored: it goes by its time. Those of the past of an account are a kind of their own.
const withWords = `
	insert into platform_words as w (social_account_id, kind, said_at, class, words)
	select id, kind, at, class, words from results where words <> '' order by id
	on conflict (social_account_id, kind) do update
	set said_at = excluded.said_at, class = excluded.class, words = excluded.words where excluded.said_at >= w.said_at`

// ForgetWords deletes the platforms' words that are 30 days old, and tells how many there were.
func (e Eraser) ForgetWords(ctx context.Context, now time.Time) (int, error) {
	tag, err := e.secrets.pool.Exec(ctx, `delete from platform_words where said_at <= $1`, now.Add(-wordsKept))
	return int(tag.RowsAffected()), doing(err, "forget what platforms said")
}
