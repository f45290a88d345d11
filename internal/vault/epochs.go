package vault

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Epoch is by what the records of a log are judged. The zero value is none.
type Epoch struct {
	Log string // its id, 32 hex digits
	Key string // the id of its tag key, 16 hex digits
}

// Epochs are this database's copy of what the log says of itself.
type Epochs struct{ pool *pgxpool.Pool }

// NewEpochs returns those in the pool.
func NewEpochs(pool *pgxpool.Pool) *Epochs { return &Epochs{pool} }

// Known returns epoch 0, or none: also of a database that no version with epochs was started on.
func (e *Epochs) Known(ctx context.Context) (epoch Epoch, err error) {
	var migrated bool
	if err = e.pool.QueryRow(ctx, `select to_regclass('epochs') is not null`).Scan(&migrated); err == nil && migrated {
		err = e.pool.QueryRow(ctx, `select log_id, key_id from epochs where number = 0`).Scan(&epoch.Log, &epoch.Key)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return epoch, doing(err, "read the epoch of the log")
}

// Note copies epoch 0, unless there is a copy already: it returns the one that is there then.
func (e *Epochs) Note(ctx context.Context, epoch Epoch) (Epoch, error) {
	_, err := e.pool.Exec(ctx, `insert into epochs (number, log_id, key_id) values (0, $1, $2) on conflict do nothing`, epoch.Log, epoch.Key)
	if err != nil {
		return Epoch{}, doing(err, "note the epoch of log %s", epoch.Log)
	}
	return e.Known(ctx)
}
