package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
	err := pgx.BeginFunc(ctx, e.secrets.pool, func(tx pgx.Tx) error {
		// The grants are locked first: of two that take the last two connections off at once, one must see that nothing is left.
		rows, _ := tx.Query(ctx, `
			select secret_ref from grants where secret_ref = $2
			  or (platform, app, person) in (select platform, app, person from granted_connections where connection_id = $1)
			order by secret_ref for update`, connection, ref)
		grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from granted_connections where connection_id = $1`, connection); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from grants g where secret_ref = any($1) and not exists (
			select from granted_connections c where (c.platform, c.app, c.person) = (g.platform, g.app, g.person))`, grants); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from secrets s where ref = any($1)
			and not exists (select from grants g where g.secret_ref = s.ref) and not exists (select from granted_connections c where c.secret_ref = s.ref)`,
			append(grants, ref))
		return err
	})
	return doing(err, "forget connection %d, its grant and its secret", connection)
}

// ForgetReads deletes what became of reading the social accounts that go. Of those that stay it deletes the
// failures and the platforms' words only: they were of a connection that ends, while what was read of an account need not be read again.
func (e Eraser) ForgetReads(ctx context.Context, gone, stay []int64) error {
	_, err := e.secrets.pool.Exec(ctx, `
		with gone as (delete from fetch_state where social_account_id = any($1)),
		     notes as (delete from post_notes where social_account_id = any($1)),
		     words as (delete from platform_words where social_account_id = any($1) or social_account_id = any($2))
		update fetch_state set failures = 0, class = '', reason = '', due_at = least(due_at, now()),
		  history_failures = 0, history_class = '', history_reason = '', history_not_before = null where social_account_id = any($2)`, gone, stay)
	return doing(err, "forget the reads of %d social accounts", len(gone)+len(stay))
}

// ForgetCursors deletes how far a user has seen notices, in every agency.
func (e Eraser) ForgetCursors(ctx context.Context, user string) error {
	_, err := e.secrets.pool.Exec(ctx, `delete from notice_cursors where user_id = $1`, user)
	return doing(err, "forget the notice cursors of a user")
}

// DeleteStale deletes those of the refs whose secrets were stored before an instant, and tells how many there
// were. As [Secrets.Delete] it is called for tombstones only.
func (e Eraser) DeleteStale(ctx context.Context, refs []string, before time.Time) (int, error) {
	tag, err := e.secrets.pool.Exec(ctx, `delete from secrets where ref = any($1) and updated_at < $2`, refs, before)
	return int(tag.RowsAffected()), doing(err, "delete stale secrets")
}
