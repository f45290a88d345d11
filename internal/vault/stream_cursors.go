package vault

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Cursors implements the part of [stream.Store] that stores, for each user, the version of the
// agency up to which the user has received notices.
type Cursors struct{ Pool *pgxpool.Pool }

// Cursor returns the stored cursor of a user; found is false if it does not exist.
func (c Cursors) Cursor(ctx context.Context, parent, user string) (version int64, found bool, err error) {
	return pg.Find(ctx, c.Pool, "read notice cursor", pgx.RowTo[int64],
		`select version from notice_cursors where parent_account = $1 and user_id = $2`, parent, user)
}

// SaveCursors stores cursors in one statement. A cursor never moves backward. Of several cursors of
// the same user, the highest is stored.
func (c Cursors) SaveCursors(ctx context.Context, cursors []stream.Cursor) error {
	if len(cursors) == 0 {
		return nil
	}
	// The order is that in which rows are locked.
	return pg.Exec(ctx, c.Pool, fmt.Sprintf("save %d notice cursors", len(cursors)), `
		insert into notice_cursors as present (parent_account, user_id, version, updated_at)
		select moved."ParentAccount", moved."UserID", max(moved."Version"), now()
		from jsonb_to_recordset($1) as moved ("ParentAccount" text, "UserID" text, "Version" bigint)
		group by 1, 2 order by 1, 2
		on conflict (parent_account, user_id)
		do update set version = excluded.version, updated_at = excluded.updated_at
		where present.version < excluded.version`, cursors)
}

// ResetAfterRestore resets the state that belongs to a log after the log was restored. It deletes
// the fetchers' state that was recorded after the time of the backup, and all connection marks, and
// lowers notice cursors to the last version of their agency. The transaction may use any search
// path.
func ResetAfterRestore(ctx context.Context, tx pgx.Tx, backup time.Time, versions map[string]int64) error {
	_, err := tx.Exec(ctx, `
		update `+Schema+`.notice_cursors c set version = least(c.version, coalesce(
			(select v.value::bigint from jsonb_each_text($1) v where v.key = c.parent_account), 0))`, versions)
	if err == nil {
		_, err = tx.Exec(ctx, `delete from `+Schema+`.fetch_state where updated_at > $1`, backup)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `delete from `+Schema+`.connection_marks`)
	}
	return pg.Wrap("reset the state recorded after the backup", err)
}

// TicketKey returns the key of [KeySize] bytes that seals stream tickets. The first process that
// calls it creates the key; all processes of the database share it.
func TicketKey(ctx context.Context, pool *pgxpool.Pool) (key []byte, err error) {
	newKey := make([]byte, KeySize)
	_, _ = rand.Read(newKey) // never fails
	err = pg.Exec(ctx, pool, "create the ticket key",
		`insert into ticket_key (key) values ($1) on conflict do nothing`, newKey)
	if err != nil {
		return nil, err
	}
	err = pool.QueryRow(ctx, `select key from ticket_key`).Scan(&key)
	return key, pg.Wrap("read the ticket key", err)
}
