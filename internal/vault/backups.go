package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Backups keeps when the log was last backed up.
type Backups struct {
	Pool *pgxpool.Pool
}

// Note stores when a backup ended.
func (b Backups) Note(ctx context.Context, endedAt time.Time) error {
	return pg.Exec(ctx, b.Pool, "note the backup",
		`insert into backups (ended_at) values ($1) on conflict (only_row) do update set ended_at = excluded.ended_at`, endedAt)
}

// Newest returns when the last backup ended, and false if none is known.
func (b Backups) Newest(ctx context.Context) (endedAt time.Time, found bool, err error) {
	return pg.Find(ctx, b.Pool, "look for the last backup", pgx.RowTo[time.Time], `select ended_at from backups`)
}
