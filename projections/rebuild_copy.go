package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// CopiesAtOnce returns how many partitions a rebuild reads and folds at a time, while it copies the
// rows of as many others. The limit bounds memory use and leaves processors to other work.
func CopiesAtOnce() int { return min(2, max(1, runtime.GOMAXPROCS(0)/2)) }

// tablesAtOnce is higher than [CopiesAtOnce], because the database server does the work.
func tablesAtOnce() int { return min(4, max(2, runtime.GOMAXPROCS(0))) }

// copy folds the records that the log contained when the rebuild began, copies the rows into
// tables, creates their keys, and lets sessions follow the generation.
func (r *running) copy(ctx context.Context, g generation) error {
	// From here on, a predecessor can claim no shards. The update waits for transactions in which
	// the predecessor has claimed shards; [running.endPredecessor] has terminated them. Shards that
	// they have committed are done and are not folded again.
	err := pg.Exec(ctx, r.pool, "acquire shards", `
		update rebuild_shards set lease = $2 where rebuild = $1 and lease < $2 and not done`, r.ID, r.lease)
	if err != nil {
		return err
	}
	pool, err := pg.Open(ctx, pg.Config{
		URL: r.databaseURL, SearchPath: []string{ddl.Schema(r.projector.Name, g.Number), migrations.Engine},
		Name: fmt.Sprintf("rebuild %s %d", r.ID, r.lease), MaxConns: int32(tablesAtOnce()) + 1, AsyncCommit: true,
	})
	if err != nil {
		return fmt.Errorf("open tables of a rebuild: %w", err)
	}
	defer pool.Close()
	began := time.Now()
	before, err := r.copyShards(ctx, pool, g)
	if err != nil {
		return err
	}
	if err := r.advance(ctx, r.pool, operator.RebuildIndexing); err != nil {
		return err
	}
	// From here on, the row contains the average rate in records per second. For a short rebuild
	// this is the only rate.
	rate := float64(r.done.Load()-before) / max(time.Since(began).Seconds(), 0.001)
	err = pg.Exec(ctx, r.pool, "record rate of rebuild", `
		update rebuilds set events_done = $3, rate = case when $4::float8 > 0 then $4 else rate end
		where id = $1 and lease = $2`,
		r.ID, r.lease, r.done.Load(), rate)
	if err != nil {
		return err
	}
	if err := r.finishTables(ctx, pool); err != nil {
		return err
	}
	return r.follow(ctx, g)
}

// endPredecessor terminates the database sessions of the process that ran this rebuild before,
// because no server timeout ends a COPY whose client has stopped responding.
func (r *running) endPredecessor(ctx context.Context) error {
	sessions := "ledgerboard rebuild " + r.ID + " " // followed by the lease
	return pg.Exec(ctx, r.pool, "end the sessions of the previous process", `
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and usename = current_user
		  and starts_with(application_name, $1) and application_name <> $2`,
		sessions, sessions+strconv.FormatInt(r.lease, 10))
}

// claim runs the first statement of a shard's transaction, which locks the shard. It returns
// [errLeaseLost] if another process has raised the lease.
func (r *running) claim(ctx context.Context, tx pgx.Tx, partition int32) error {
	tag, err := tx.Exec(ctx, `
		update rebuild_shards set done = true
		where rebuild = $1 and partition = $2 and lease = $3 and not done`, r.ID, partition, r.lease)
	if err != nil {
		return fmt.Errorf("claim shard: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	return nil
}

// copyShards folds the unfinished shards. It returns how many records were in shards that were
// already finished.
func (r *running) copyShards(ctx context.Context, pool *pgxpool.Pool, g generation) (before int64, err error) {
	type shard struct {
		eventlog.PartitionRange
		Done bool
	}
	shards, err := pg.List(ctx, r.pool, "read shards", pgx.RowToStructByPos[shard], `
		select partition, first, last, done from rebuild_shards where rebuild = $1 and partition >= 0`, r.ID)
	if err != nil {
		return 0, err
	}
	// Only writing events one by one shows which of them the database refuses, so this is taken
	// from the parked events of the live generation.
	live, err := liveGeneration(ctx, r.pool, r.projector)
	if err != nil {
		return 0, err
	}
	refused, err := readRefused(ctx, r.pool, r.projector.Name, live)
	if err != nil {
		return 0, err
	}
	var unfinished []eventlog.PartitionRange
	for _, s := range shards {
		if s.Done {
			before += s.End - s.Start
		} else {
			unfinished = append(unfinished, s.PartitionRange)
		}
	}
	r.done.Store(before)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * CopiesAtOnce())
	for _, together := range r.together(unfinished) {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := r.copyTogether(ctx, pool, g, together, refused); err != nil {
				return fmt.Errorf("copy partition %d of %s: %w", together[0].Partition, r.projector.Topic, err)
			}
			return nil
		})
	}
	return before, group.Wait()
}

func (r *running) copyTogether(
	ctx context.Context, pool *pgxpool.Pool, g generation, ranges []eventlog.PartitionRange, refused refusedAt,
) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		state := r.projector.Begin(0)
		for _, s := range ranges {
			if err := r.claim(ctx, tx, s.Partition); err != nil {
				return err
			}
		}
		folded := func(ctx context.Context, records int64) error {
			r.done.Add(records)
			return r.yield(ctx)
		}
		folds, err := r.foldTogether(ctx, state, g.TopicID, ranges, write.CopyInto{Tx: tx}, refused, folded)
		if err != nil {
			return err
		}
		for i, f := range folds {
			if err := r.finishShard(ctx, tx, g, ranges[i].End, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *running) finishShard(ctx context.Context, tx pgx.Tx, g generation, end int64, f *bulkFold) error {
	var batch pgx.Batch
	r.queueParked(&batch, g, f.rows())
	if err := write.Send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("insert parked events: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		update checkpoints set next_offset = $4, event_time = $5, progressed_at = clock_timestamp(), topic_id = $6
		where projection = $1 and generation = $2 and partition = $3 and state = 'copying'
		  and (topic_id is null or topic_id = $6)`,
		r.projector.Name, g.Number, f.partition, end, f.newest, storedID(g.TopicID))
	if err != nil {
		return fmt.Errorf("set checkpoint: %w", err)
	}
	if tag.RowsAffected() == 0 {
		read := []step{{topic: g.TopicID, partition: f.partition}}
		return cmp.Or(otherTopic(ctx, tx, r.projector.Name, g.Number, read), errLeaseLost)
	}
	return nil
}

// keysShard is the shard of the first table's keys and indexes. The next tables have the numbers
// below it.
const keysShard = -1

// sortMemory is the memory in MB for sorting keys, for all concurrent tables together.
const sortMemory = 256

// finishTables creates the keys and indexes of each table and vacuums it. All rows must have been
// copied. It processes several tables at a time, without parallel workers, because the live
// generation needs the processors.
func (r *running) finishTables(ctx context.Context, pool *pgxpool.Pool) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tablesAtOnce())
	keys := r.projector.Definition.KeysByTable()
	for i, table := range r.projector.Tables {
		group.Go(func() error {
			at := slices.IndexFunc(keys, func(k ddl.TableKeys) bool { return k.Table == table })
			if at >= 0 {
				if err := r.makeKeys(ctx, pool, int32(keysShard-i), keys[at]); err != nil {
					return err
				}
			}
			// Vacuum enables index-only scans; analyze gives the planner statistics.
			if _, err := pool.Exec(ctx, "vacuum (analyze) "+table); err != nil {
				return fmt.Errorf("vacuum %s: %w", table, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (r *running) makeKeys(ctx context.Context, pool *pgxpool.Pool, shard int32, keys ddl.TableKeys) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		err := r.claim(ctx, tx, shard)
		if errors.Is(err, errLeaseLost) {
			done, err := pg.QueryBool(ctx, tx, "check whether keys exist", `
				select done from rebuild_shards where rebuild = $1 and partition = $2`, r.ID, shard)
			if err != nil || done { // created before this process took over the rebuild
				return err
			}
		}
		if err != nil {
			return err
		}
		limits := fmt.Sprintf("set local max_parallel_maintenance_workers = 0; "+
			"set local maintenance_work_mem = '%dMB';", sortMemory/tablesAtOnce())
		_, err = tx.Conn().PgConn().Exec(ctx, limits+keys.SQL).ReadAll()
		return err
	})
	return pg.Wrap("create keys and indexes of "+keys.Table, err)
}

func (r *running) follow(ctx context.Context, g generation) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, operator.RebuildCatchingUp); err != nil {
			return err
		}
		var total int64
		err := tx.QueryRow(ctx, `
			update rebuilds set events_done = events_total where id = $1 returning events_total`, r.ID).Scan(&total)
		if err != nil {
			return fmt.Errorf("record progress of rebuild: %w", err)
		}
		r.done.Store(total)
		if err := setState(ctx, tx, r.projector.Name, g.Number, StateBuilding); err != nil {
			return err
		}
		return notifyStep(ctx, tx, r.projector.Name)
	})
}
