package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// keysShard is the shard of the first table's keys and indexes; those of the others have the numbers below it.
const keysShard = -1

// sortMemory is how many MB the server may take to sort keys, for all tables that get theirs at a time.
const sortMemory = 256

// finishTables makes the keys and indexes of each table, once all rows are there, and vacuums it: several tables at a time,
// without parallel workers: the live generation needs the processors.
func (r *running) finishTables(ctx context.Context, pool *pgxpool.Pool) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tablesAtOnce())
	keys := r.projector.Definition().KeysByTable()
	for i, table := range r.projector.Tables() {
		group.Go(func() error {
			at := slices.IndexFunc(keys, func(k ddl.TableKeys) bool { return k.Table == table })
			if at >= 0 {
				if err := r.makeKeys(ctx, pool, int32(keysShard-i), keys[at]); err != nil {
					return err
				}
			}
			// Index-only scans trust the pages then, and the planner knows them.
			if _, err := pool.Exec(ctx, "vacuum (analyze) "+table); err != nil {
				return fmt.Errorf("vacuum %s: %w", table, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// makeKeys makes the keys and indexes of a table, in one transaction that claims their shard.
func (r *running) makeKeys(ctx context.Context, pool *pgxpool.Pool, shard int32, keys ddl.TableKeys) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		err := r.claim(ctx, tx, shard)
		if errors.Is(err, errLeaseLost) {
			var done bool
			of := tx.QueryRow(ctx, `select done from rebuild_shards where rebuild = $1 and partition = $2`, r.ID, shard)
			if scanned := of.Scan(&done); scanned != nil {
				return fmt.Errorf("look whether keys are made: %w", scanned)
			}
			if done {
				return nil // made before this process took the rebuild over
			}
		}
		if err != nil {
			return err
		}
		sql := fmt.Sprintf(`set local maintenance_work_mem = '%dMB'; set local max_parallel_maintenance_workers = 0;`, sortMemory/tablesAtOnce()) + keys.SQL
		_, err = tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("make keys and indexes of %s: %w", keys.Table, err)
	}
	return nil
}
