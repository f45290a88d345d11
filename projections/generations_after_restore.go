package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LeaveAll notes that no tables are of the log any more, of whatever version: an older state of it was restored. Readers use none of them
// from then on, a process that folds into one finds its checkpoint gone, and whoever folds makes the read models anew and drops what there
// is of these. Rebuilds under way end. The transaction may be on any search path. It returns how many sets of tables were left.
func LeaveAll(ctx context.Context, tx pgx.Tx) (left int, err error) {
	rows, err := tx.Query(ctx, `select distinct projection from lb_engine.generations order by 1`)
	if err != nil {
		return 0, fmt.Errorf("read generations: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("read generations: %w", err)
	}
	for _, name := range names { // in one order for all who take more than one
		if err := lockGenerations(ctx, tx, name); err != nil {
			return 0, err
		}
	}
	for _, sql := range []string{
		`update lb_engine.rebuilds set state = 'failed', finished_at = clock_timestamp(), error = 'an older state of the log was restored'
		 where finished_at is null`,
		`update lb_engine.checkpoints set state = 'dropped' where state in ('copying', 'building', 'live')`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, fmt.Errorf("leave the tables of before: %w", err)
		}
	}
	tag, err := tx.Exec(ctx, `
		update lb_engine.generations set state = 'dropped', retired_at = clock_timestamp() where state in ('copying', 'building', 'live')`)
	if err != nil {
		return 0, fmt.Errorf("leave the tables of before: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
