package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Epoch is by what records of a log are judged, from a place on that the log says. The zero value is none.
type Epoch struct {
	Number int    // 0: from the first record on; a restore of an older state begins each later one
	Log    string // its id, 32 hex digits
	Key    string // the id of its tag key, 16 hex digits
}

// Epochs are this database's copy of what the log says of itself.
type Epochs struct{ pool *pgxpool.Pool }

// NewEpochs returns those in the pool.
func NewEpochs(pool *pgxpool.Pool) *Epochs { return &Epochs{pool} }

// Known returns epoch 0, or none: also of a database that no version with epochs was started on.
func (e *Epochs) Known(ctx context.Context) (epoch Epoch, err error) {
	list, err := e.List(ctx)
	if len(list) > 0 && list[0].Number == 0 {
		epoch = list[0]
	}
	return epoch, err
}

// List returns all epochs in the order of their numbers, also those that a later restore has withdrawn: the list only grows.
func (e *Epochs) List(ctx context.Context) (list []Epoch, err error) {
	var migrated bool
	if err = e.pool.QueryRow(ctx, `select to_regclass('epochs') is not null`).Scan(&migrated); err == nil && migrated {
		var rows pgx.Rows
		if rows, err = e.pool.Query(ctx, `select number, log_id, key_id from epochs order by number`); err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Epoch])
		}
	}
	return list, doing(err, "read the epochs of the log")
}

// Note copies epoch 0, unless there is a copy already: it returns the one that is there then.
func (e *Epochs) Note(ctx context.Context, epoch Epoch) (Epoch, error) {
	_, err := e.pool.Exec(ctx, `insert into epochs (number, log_id, key_id) values (0, $1, $2) on conflict do nothing`, epoch.Log, epoch.Key)
	if err != nil {
		return Epoch{}, doing(err, "note the epoch of log %s", epoch.Log)
	}
	return e.Known(ctx)
}

// TakeOver adds an epoch that a restore has begun, and clears what stands here above the restored state, which is of the instant of the backup:
// what fetchers have read since, so that it is read again, and the marks of changes that the log lost. false: another process did it before. The
// transaction may be on any search path.
func TakeOver(ctx context.Context, tx pgx.Tx, epoch Epoch, backup time.Time) (fresh bool, err error) {
	tag, err := tx.Exec(ctx, `insert into `+Schema+`.epochs (number, log_id, key_id) values ($1, $2, $3) on conflict do nothing`,
		epoch.Number, epoch.Log, epoch.Key)
	if err == nil && tag.RowsAffected() > 0 {
		fresh = true
		_, err = tx.Exec(ctx, `delete from `+Schema+`.fetch_state where updated_at > $1`, backup)
	}
	if err == nil && fresh {
		_, err = tx.Exec(ctx, `delete from `+Schema+`.connection_marks`)
	}
	return fresh, doing(err, "take epoch %d of log %s over", epoch.Number, epoch.Log)
}
