package projections

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// CopiesAtOnce returns how many partitions a build reads and folds at a time, while it copies the
// rows of as many others. The limit bounds memory use and leaves processors to other work.
func CopiesAtOnce() int { return min(2, max(1, runtime.GOMAXPROCS(0)/2)) }

// tablesAtOnce is higher than [CopiesAtOnce], because the database server does the work.
func tablesAtOnce() int { return min(4, max(2, runtime.GOMAXPROCS(0))) }

// copy folds the records that the log contained when the build began, copies the rows into tables,
// creates their keys, and lets sessions follow the generation.
func (b *build) copy(ctx context.Context, g generation) error {
	pool, err := pg.Open(ctx, pg.Config{
		URL: b.databaseURL, SearchPath: []string{ddl.Schema(b.projector.Name, g.Number), migrations.Engine},
		Name: buildName(b.projector.Name, g.Number, strconv.FormatInt(b.lease, 10)), MaxConns: int32(tablesAtOnce()) + 1,
		AsyncCommit: true, Params: pg.Limits("0", lockInFold, "0"), // [endBuilders] ends frozen sessions
	})
	if err != nil {
		return fmt.Errorf("open tables of a build: %w", err)
	}
	defer pool.Close()
	if err := b.copyShards(ctx, pool, g); err != nil {
		return err
	}
	if err := b.finishTables(ctx, pool); err != nil {
		return err
	}
	return b.follow(ctx)
}

// copyShards folds the unfinished shards.
func (b *build) copyShards(ctx context.Context, pool *pgxpool.Pool, g generation) error {
	unfinished, err := pg.List(ctx, b.pool, "read shards", pgx.RowToStructByPos[eventlog.PartitionRange], `
		select partition, next_offset, (targets ->> partition::text)::bigint
		from checkpoints join generations using (projection, generation)
		where projection = $1 and generation = $2 and next_offset < (targets ->> partition::text)::bigint`,
		b.projector.Name, g.Number)
	if err != nil {
		return err
	}
	var done int64
	err = b.pool.QueryRow(ctx, `select `+eventsFolded+` from generations g where projection = $1 and generation = $2`,
		b.projector.Name, g.Number).Scan(&done)
	if err != nil {
		return fmt.Errorf("read progress of build: %w", err)
	}
	b.done.Store(done)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * CopiesAtOnce())
	for _, ranges := range b.groups(unfinished) {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := b.copyGroup(ctx, pool, g, ranges); err != nil {
				return fmt.Errorf("copy partition %d of %s: %w", ranges[0].Partition, b.projector.Topic, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// copyGroup folds shards in one transaction, whose last statements move their checkpoints.
func (b *build) copyGroup(
	ctx context.Context, pool *pgxpool.Pool, g generation, ranges []eventlog.PartitionRange,
) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var shards []*shard
		err := write.Copy(ctx, tx.Conn(), new(sync.Mutex), func(into write.Sink) (err error) {
			shards, err = b.foldGroup(ctx, g.TopicID, ranges, into, func(records int64) { b.done.Add(records) })
			return err
		})
		if err != nil {
			return err
		}
		for i, s := range shards {
			if err := b.finishShard(ctx, tx, g, ranges[i], s); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishShard stores the dead letters and streams of a shard and moves its checkpoint by
// compare-and-set: of two processes that folded the shard, only one commits. After [errMoved], the
// build looks again at what is left.
func (b *build) finishShard(
	ctx context.Context, tx pgx.Tx, g generation, r eventlog.PartitionRange, s *shard,
) error {
	var batch pgx.Batch
	b.queueDeadLetters(&batch, g.Number, s.rows())
	streamsTable.Queue(&batch, s.streams.rows(b.projector.Name, g.Number))
	if err := write.Send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("insert dead letters and streams: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		update checkpoints set next_offset = $5, topic_id = $6, event_time = $7, progressed_at = clock_timestamp()
		where projection = $1 and generation = $2 and partition = $3 and next_offset = $4
		  and (topic_id is null or topic_id = $6)`,
		b.projector.Name, g.Number, r.Partition, r.Start, r.End, storedID(g.TopicID), s.newest)
	if err != nil {
		return fmt.Errorf("move checkpoint: %w", err)
	}
	if tag.RowsAffected() == 0 {
		read := []step{{topic: g.TopicID, partition: r.Partition}}
		return cmp.Or(otherTopic(ctx, tx, b.projector.Name, g.Number, read), errMoved)
	}
	return nil
}

// keyMemory is the memory in MB for sorting the keys of tables, for all concurrent tables together.
const keyMemory = 256

// finishTables creates the keys and indexes of each table and vacuums it. All rows must have been
// copied. It processes several tables at a time, without parallel workers, because the live
// generation needs the processors.
func (b *build) finishTables(ctx context.Context, pool *pgxpool.Pool) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tablesAtOnce())
	keys := b.projector.Definition.KeysByTable()
	for _, table := range b.projector.Tables {
		group.Go(func() error {
			at := slices.IndexFunc(keys, func(k ddl.TableKeys) bool { return k.Table == table })
			if at >= 0 {
				if err := b.makeKeys(ctx, pool, keys[at]); err != nil {
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

// makeKeys creates the keys and indexes of a table, unless another process has created them.
func (b *build) makeKeys(ctx context.Context, pool *pgxpool.Pool, keys ddl.TableKeys) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := pg.Exec(ctx, tx, "lock table", "lock table "+keys.Table+" in access exclusive mode"); err != nil {
			return err
		}
		made, err := pg.QueryBool(ctx, tx, "look for keys",
			`select relhasindex from pg_class where oid = $1::regclass`, keys.Table)
		if err != nil || made {
			return err
		}
		limits := fmt.Sprintf("set local max_parallel_maintenance_workers = 0; "+
			"set local maintenance_work_mem = '%dMB';", keyMemory/tablesAtOnce())
		_, err = tx.Conn().PgConn().Exec(ctx, limits+keys.SQL).ReadAll()
		return err
	})
	return pg.Wrap("create keys and indexes of "+keys.Table, err)
}

// follow lets sessions follow the generation, whose rows and keys are complete.
func (b *build) follow(ctx context.Context) error {
	return pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if _, err := b.owned(ctx, tx); err != nil {
			return err
		}
		err := pg.Exec(ctx, tx, "let processes follow generation", `
			update generations set state = 'catching_up', waits = '', error = null
			where projection = $1 and generation = $2`, b.projector.Name, b.number)
		if err != nil {
			return err
		}
		return notifyStep(ctx, tx, b.projector.Name)
	})
}
