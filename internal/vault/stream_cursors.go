package vault

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Cursors is the part of [stream.Store] that is stored here: up to which version of its agency each
// user has been told, in one epoch of the log.
type Cursors struct {
	pool  *pgxpool.Pool
	epoch int
}

// NewCursors returns the cursors of a pool that [Open] made, in the epoch with the number. Those of earlier epochs are none to it; what a process of
// an earlier epoch saves replaces none of this one.
func NewCursors(pool *pgxpool.Pool, epoch int) *Cursors { return &Cursors{pool, epoch} }

// Cursor returns the stored cursor of a user, and false when there is none.
func (c *Cursors) Cursor(ctx context.Context, parent, user string) (version int64, found bool, err error) {
	row := c.pool.QueryRow(ctx,
		`select version from notice_cursors where parent_account = $1 and user_id = $2 and epoch = $3`, parent, user, c.epoch)
	err = row.Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return version, err == nil, doing(err, "read notice cursor")
}

// SaveCursors stores cursors in one statement; one never moves backwards. Of several cursors of one
// user the highest counts.
func (c *Cursors) SaveCursors(ctx context.Context, cursors []stream.Cursor) error {
	if len(cursors) == 0 {
		return nil
	}
	rows := highest(cursors)
	parents, users, versions := make([]string, len(rows)), make([]string, len(rows)), make([]int64, len(rows))
	for i, row := range rows {
		parents[i], users[i], versions[i] = row.ParentAccount, row.UserID, row.Version
	}
	// The order of the arrays is the order in which rows are locked.
	_, err := c.pool.Exec(ctx, `
		insert into notice_cursors as present (parent_account, user_id, version, updated_at, epoch)
		select parent_account, user_id, version, now(), $4
		from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality
		     as moved (parent_account, user_id, version, place)
		order by place
		on conflict (parent_account, user_id)
		do update set version = excluded.version, updated_at = excluded.updated_at, epoch = excluded.epoch
		where (present.epoch, present.version) < (excluded.epoch, excluded.version)`, parents, users, versions, c.epoch)
	return doing(err, "save %d notice cursors", len(rows))
}

// highest returns one cursor for each user, in the one order that all writers share.
func highest(cursors []stream.Cursor) []stream.Cursor {
	sorted := slices.SortedFunc(slices.Values(cursors), func(a, b stream.Cursor) int {
		return cmp.Or(cmp.Compare(a.ParentAccount, b.ParentAccount), cmp.Compare(a.UserID, b.UserID), cmp.Compare(b.Version, a.Version))
	})
	return slices.CompactFunc(sorted, func(a, b stream.Cursor) bool {
		return a.ParentAccount == b.ParentAccount && a.UserID == b.UserID
	})
}
