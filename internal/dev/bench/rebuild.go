package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const (
	rebuildPosts  = 2_000_000 // records at full scale
	rebuildLook   = 10 * time.Millisecond
	rebuildWithin = 15 * time.Minute
	// manyPartitions is the number of partitions of `metrics` that hold records.
	manyPartitions = 12
)

// rebuild measures a rebuild of post insights next to COPY of the finished rows. A first generation is made
// from an empty database; the rebuild of the second one is measured.
func rebuild(b *bench) {
	records := max(int(rebuildPosts*b.scale), 2*crowded().posts)
	log, pool := b.ledger(), b.unbuilt()
	fillAgencies(b, log, records)
	// The first generation is requested too: an engine that finds none folds millions of events batch by batch.
	first := requestGeneration(b, pool)
	stop := ledgertest.Run(b, log.engine(b, projectors.PostInsights, pool, nil).Run)
	awaitBuilt(b, pool, first)
	b.checkpoint(pool)
	took := awaitBuilt(b, pool, requestGeneration(b, pool))
	stop()
	limit := copyLimit(b, pool)
	b.compare(fmt.Sprintf("rebuild_post_insights_%d_vs_copy", records), "events/s",
		float64(records)/took.Seconds(), float64(records)/limit.Seconds())
}

// fillAgencies appends registrations and readings of as many agencies as it takes.
func fillAgencies(b *bench, log *ledger, left int) {
	w := crowded()
	agencies := (left + w.readings() - 1) / w.readings()
	put := func(events []fold.Event) {
		n := min(left, len(events))
		left -= n
		require.NoError(b, log.appendFacts(b.ctx, events[:n]...))
	}
	for n := range agencies {
		put(w.registrations(n))
	}
	plan := w.plan()
	for slot := 0; left > 0; slot++ {
		for n := range agencies {
			put(w.postReads(n, slot, plan[slot], firstReading.Add(time.Duration(slot)*figureEvery)))
		}
	}
}

func requestGeneration(b *bench, pool *pgxpool.Pool) operator.Generation {
	asked, err := projections.NewGenerations(pool).Rebuild(b.ctx, projectors.PostInsights, "bench", "maintenance")
	require.NoError(b, err)
	return asked
}

// awaitBuilt waits until a generation is live. It returns the time from its request until its tables had
// their keys.
func awaitBuilt(b *bench, pool *pgxpool.Pool, asked operator.Generation) (took time.Duration) {
	type row struct {
		State operator.State
		Error string
	}
	for end := time.Now().Add(rebuildWithin); ; time.Sleep(rebuildLook) {
		g := ledgertest.Rows[row](b, pool, `select state, coalesce(error, '') from generations where projection = $1 and generation = $2`,
			asked.Projection, asked.Generation)[0]
		if took == 0 && g.State != operator.StateBuilding {
			took = time.Since(asked.CreatedAt)
		}
		if g.State == operator.StateLive {
			return took
		}
		require.NotContains(b, []operator.State{operator.StateFailed, operator.StateDropped}, g.State, g.Error)
		require.True(b, time.Now().Before(end), "the rebuild is still %s", g.State)
	}
}

const (
	limitSchema = "lb_limit"
	// limitSettings are those with which a rebuild makes keys and indexes.
	limitSettings = `set local maintenance_work_mem = '256MB'; set local max_parallel_maintenance_workers = 0;`
)

// copyLimit reads the tables that readers use into memory, as COPY wants them back, and returns how long it
// takes to make the finished tables from there.
func copyLimit(b *bench, pool *pgxpool.Pool) time.Duration {
	projector, connections := projectors.PostInsights, min(manyPartitions, projections.CopiesAtOnce())
	source := pg.SearchPath(ddl.Schema(projector.Name, ledgertest.Value[int](b, pool, `
		select generation from generations where projection = $1 and version = $2 and state = 'live'`, projector.Name, projector.Version)))
	shares := make([]map[string]*bytes.Buffer, connections) // rows in the binary form of COPY, by table
	for i := range shares {
		shares[i] = map[string]*bytes.Buffer{}
		for _, table := range projector.Tables {
			shares[i][table] = &bytes.Buffer{}
			// The share of the table's pages that a connection copies.
			sql := fmt.Sprintf("copy (select * from %s.%s where (ctid::text::point)[0]::bigint / 32 %% %d = %d) to stdout (format binary)",
				source, table, connections, i)
			copyOut(b, pool, sql, shares[i][table])
		}
	}
	ledgertest.Exec(b, pool, "create schema "+limitSchema+"; set search_path = "+limitSchema+";"+projector.Definition.Tables()+"reset search_path")
	b.checkpoint(pool)
	began := time.Now()
	var group errgroup.Group
	for _, share := range shares {
		group.Go(func() error { return copyShare(b.ctx, pool, share) })
	}
	require.NoError(b, group.Wait())
	require.NoError(b, pgx.BeginFunc(b.ctx, pool, func(tx pgx.Tx) error {
		sql := limitSettings + "set local search_path = " + limitSchema + ";" + projector.Definition.Keys()
		_, err := tx.Conn().PgConn().Exec(b.ctx, sql).ReadAll()
		return err
	}))
	group.SetLimit(connections) // as many tables are vacuumed at a time as in a rebuild
	for _, table := range projector.Tables {
		group.Go(func() error {
			_, err := pool.Exec(b.ctx, "vacuum (analyze) "+limitSchema+"."+table)
			return err
		})
	}
	require.NoError(b, group.Wait())
	return time.Since(began)
}

func copyOut(b *bench, pool *pgxpool.Pool, sql string, into io.Writer) {
	conn, err := pool.Acquire(b.ctx)
	require.NoError(b, err)
	defer conn.Release()
	_, err = conn.Conn().PgConn().CopyTo(b.ctx, into, sql)
	require.NoError(b, err)
}

// copyShare writes one connection's rows of all tables, in one transaction as a shard does.
func copyShare(ctx context.Context, pool *pgxpool.Pool, share map[string]*bytes.Buffer) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local synchronous_commit = off"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		for _, table := range projectors.PostInsights.Tables {
			sql := "copy " + limitSchema + "." + table + " from stdin (format binary)"
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, share[table], sql); err != nil {
				return fmt.Errorf("copy into %s: %w", table, err)
			}
		}
		return nil
	})
}

// childProcess names the environment variable that makes this program a child of build_memory: what [build]
// does.
const childProcess = "LEDGERBOARD_BENCH_CHILD"

// buildMemory measures the peak memory, and the processor time, of a process that only builds post
// insights, and of one that only checks them. Each of two partitions has half of the readings: more than
// the projection sorts in memory.
func buildMemory(b *bench) {
	log, readings := b.ledger(), int(rebuildPosts*b.scale)
	log.fill(b, 2, readings)
	databaseURL := b.unbuilt().Config().ConnString()
	program, err := os.Executable()
	require.NoError(b, err)
	for _, does := range []string{"build", "check"} {
		command := exec.CommandContext(b.ctx, program)
		command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %s", childProcess, does, readings, strings.Join(log.brokers, ","), databaseURL))
		b.printResultsOf(command)
	}
}

// build builds or checks tables, as args say, and prints what that took.
func build(b *bench, args string) {
	var does, brokers, databaseURL string
	var readings float64
	_, err := fmt.Sscan(args, &does, &readings, &brokers, &databaseURL)
	require.NoError(b, err)
	log := &ledger{
		brokers: strings.Split(brokers, ","),
		topics:  eventlog.OnOneBroker(ledgertest.Topics(b, nil), map[string]string{"min.insync.replicas": "1"}),
	}
	b.openLog(log, func() error { return nil })
	pool := b.openUnbuilt(databaseURL)
	engine := log.engine(b, projectors.PostInsights, pool, nil)
	if does == "build" {
		asked := requestGeneration(b, pool) // before the engine runs, as in [rebuild]
		stop := ledgertest.Run(b, engine.Run)
		awaitBuilt(b, pool, asked)
		stop()
	} else {
		report, err := engine.CheckTables(b.ctx)
		require.NoError(b, err)
		require.True(b, report.Equal, "tables and log differ")
	}
	b.report(does+"_memory_peak", "MB", peakMemory(b))
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	b.report(does+"_memory_cpu", "µs/event", float64(used.Utime.Nano()+used.Stime.Nano())/1e3/readings)
}

// peakMemory returns the largest resident set of this process in MB. That of getrusage may be its parent's.
func peakMemory(b *bench) float64 {
	status, err := os.ReadFile("/proc/self/status") // only of Linux
	require.NoError(b, err)
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes float64
	_, err = fmt.Sscan(peak, &kilobytes)
	require.NoError(b, err)
	return kilobytes * 1024 / 1e6
}
