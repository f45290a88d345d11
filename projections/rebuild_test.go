package projections_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// A rebuild with concurrent writes: readers that count the rows never see fewer than before,
// duplicates, or an error.
func TestReadersSeeAllRowsDuringRebuild(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 3000)
	p := tally
	e := b.followEngine(p)
	readers := b.readers(p)
	running, stop := context.WithCancel(b.ctx())
	var traffic sync.WaitGroup
	events := 3000
	traffic.Go(func() {
		for running.Err() == nil {
			b.appendReadings(events, events+3)
			events += 3
		}
	})
	var wrong atomic.Value
	rows := 3000
	traffic.Go(func() {
		for running.Err() == nil {
			var n, twice int
			before := rows
			err := readers.QueryRow(context.Background(), "select count(*), count(*) filter (where n <> 1) from tally").Scan(&n, &twice)
			if rows = n; err != nil || n < before || twice > 0 {
				wrong.CompareAndSwap(nil, fmt.Errorf("%d rows, %d of them folded more than once: %w", n, twice, err))
			}
		}
	})
	done := b.ends(b.request(p).ID, operator.StateLive)
	stop()
	traffic.Wait()
	require.Nil(t, wrong.Load())
	require.Equal(t, 2, done.Generation)
	require.Equal(t, done.EventsTotal, done.EventsDone)
	require.Positive(t, done.Rate, "a rebuild shorter than a heartbeat has a rate too")
	require.GreaterOrEqual(t, done.EventsTotal, int64(3000))
	require.Equal(t, 2, b.caughtUp(e).Generation)
	require.Equal(t, events, b.count("select count(*) from lb_tally_g2.tally"))
	require.Equal(t, events, b.count("select count(*) from lb.tally"), "the views show the new tables")
	require.Equal(t, "dropped", b.state("tally", 1))
}

// A process freezes in its shards and resumes after another one has folded them: its rows are
// rolled back. The frozen process folds again only what it finds unfinished.
func TestShardsOfAFrozenProcessAreFoldedOnce(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	b.run(b.engine(tally))
	requested := b.request(tally)
	g := b.newGate()
	var copied atomic.Int32
	first := b.engine(copies(tally, func(_ context.Context, f folded) error {
		copied.Add(1)
		g.pass()
		return f.next()
	}), func(c *projections.Config) {
		c.Paused = func(context.Context) (bool, error) { // the heartbeat freezes too
			if copied.Load() > 0 {
				g.pass()
			}
			return false, nil
		}
	})
	stop := b.start(first)
	<-g.reached
	second := b.startEngine(tally, b.ownLog)
	b.takenOver(requested, 1)
	b.ends(requested.ID, operator.StateLive)
	g.open()
	stop()
	b.appendReadings(100, 110)
	require.Equal(t, 2, b.caughtUp(second).Generation)
	b.eachOnce(110)
}

// A process freezes in a shard, another one takes over, and the first resumes with an error that
// would fail its build.
func TestErrorOfFrozenProcessDoesNotFailBuild(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	b.run(b.engine(tally))
	requested := b.request(tally)
	frozen, held := b.newGate(), b.newGate()
	var copied atomic.Bool
	stop := b.start(b.engine(copies(tally, func(_ context.Context, f folded) error {
		copied.Store(true)
		frozen.pass()
		return domain.NewError(domain.CodeConflict, "a row is refused")
	}), func(c *projections.Config) {
		c.Paused = func(context.Context) (bool, error) { // the heartbeat freezes too
			if copied.Load() {
				frozen.pass()
			}
			return false, nil
		}
	}))
	<-frozen.reached
	b.startEngine(copies(tally, held.copying), b.ownLog)
	b.takenOver(requested, 1)
	<-held.reached
	frozen.open()
	stop()
	require.Equal(t, "building", b.state("tally", 2))
	held.open()
	b.ends(requested.ID, operator.StateLive)
	b.eachOnce(100)
}

// A partition whose records need more memory than they may have is built, and only once: after an
// interruption, another process folds those that are left.
func TestPartitionsLargerThanTheMemoryAreBuilt(t *testing.T) {
	t.Parallel()
	const readings = 3000
	b := setupReadings(t, readings)
	b.run(b.engine(tally))
	requested := b.request(tally)
	dir := filepath.Join(t.TempDir(), "created")
	var held atomic.Int32 // a partition that the first process does not finish
	held.Store(-1)
	stop := b.start(b.engine(copies(tally, func(ctx context.Context, f folded) error {
		partition := f.events[0].Raw.Partition
		if held.CompareAndSwap(-1, partition); held.Load() != partition {
			return f.next()
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})).SortingIn(10_000, dir))
	const left = "select count(*) from checkpoints where generation = 2 and next_offset = 0"
	ledgertest.Eventually(t, func() bool { return b.count(left) == 1 }, "the others are finished")
	stop()

	var scans atomic.Int32
	b.start(b.engine(tally, func(c *projections.Config) {
		c.Log = hookedLog{Log: b.log, beforeScan: func() { scans.Add(1) }}
	}).SortingIn(10_000, dir))
	b.ends(requested.ID, operator.StateLive)
	require.Equal(t, int32(1), scans.Load())
	b.sameTally(readings, "lb_tally_g2", "lb_tally_g2")
	files, err := os.ReadDir(dir)
	require.NoError(t, err, "records were written to files")
	require.Empty(t, files)
}

// twoTables returns a tally with an empty table in addition.
func twoTables(p fold.Projector) fold.Projector {
	p.Tables = []string{"tally", "aside"}
	p.Definition = "create table aside (id int);\n" + p.Definition + "create unique index aside_id on aside (id);\n"
	return p
}

// The keys of one table are done; those of another are still missing.
func TestRebuildIsTakenOverDuringKeyCreation(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	g := b.newGate()
	first := b.engine(twoTables(copies(tally, g.copying)))
	requested := b.request(tally)
	stop := b.start(first)
	<-g.reached
	tx, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(b.ctx(), "lock table lb_tally_g1.aside in row exclusive mode")
	require.NoError(t, err)
	g.open()
	const indexes = "select count(*) from pg_indexes where schemaname = 'lb_tally_g1'"
	ledgertest.Eventually(t, func() bool { return b.count(indexes) == 1 })
	second := b.startEngine(twoTables(tally), b.ownLog)
	b.takenOver(requested, 1)
	stop()
	require.NoError(t, tx.Commit(b.ctx()))
	b.ends(requested.ID, operator.StateLive)
	b.caughtUp(second)
	require.Equal(t, 100, b.count("select count(*) from lb_tally_g1.tally"))
	require.Equal(t, 2, b.count(indexes))
}

// A process freezes at the switch: another one switches, and the first changes nothing when it
// resumes.
func TestRebuildIsTakenOverAtTheSwitch(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 200)
	g := b.newGate()
	first := b.engine(tally, func(c *projections.Config) {
		pool := c.Pool
		c.Paused = func(ctx context.Context) (bool, error) {
			var switching bool
			err := pool.QueryRow(ctx, "select exists (select from generations where generation = 2 and state = 'catching_up' and lease = 1)").Scan(&switching)
			if switching { // the whole process freezes: sessions ask too, and the heartbeat
				g.pass()
			}
			return false, err
		}
	})
	stop := b.follow(first)
	requested := b.request(tally)
	<-g.reached
	second := b.startEngine(tally, b.ownLog)
	b.takenOver(requested, 1)
	b.ends(requested.ID, operator.StateLive)
	g.open()
	stop()
	require.Equal(t, 2, b.liveAt("tally"))
	b.appendReadings(200, 210)
	b.caughtUp(second)
	b.eachOnce(210)
}

// A second rebuild is refused with the id of the first; the first is canceled and leaves nothing.
func TestSecondRebuildIsRefusedAndTheFirstCanceled(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	g := b.newGate()
	b.followEngine(copies(tally, func(ctx context.Context, f folded) error {
		if err := g.wait(ctx); err != nil {
			return err
		}
		return f.next()
	}))
	first := b.request(tally)
	<-g.reached
	_, err := b.askFor(tally)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, first.ID)
	require.NoError(t, b.generations().Cancel(b.ctx(), first.ID))
	b.ends(first.ID, operator.StateDropped)
	b.awaitDropped("tally", 2)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(b.generations().Cancel(b.ctx(), first.ID)))
	g.open()
	b.ends(b.request(tally).ID, operator.StateLive)
	require.Equal(t, 3, b.liveAt("tally"))
	b.eachOnce(50)
}

// Rows that the tables refuse fail the rebuild with the table and the row; the live tables stay. A
// rebuild that copies while the log is restored rolls back its copy: the restored topic may end
// earlier.
func TestFailedRebuildsLeaveTheLiveTables(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	var restores atomic.Bool
	restore := sync.OnceFunc(func() {
		b.exec(`
			with moved as (update generations set topic_id = $1 where generation = 3)
			update checkpoints set topic_id = $1 where generation = 3`, [16]byte(restored))
	})
	refused := write.Table[[]any]{Name: "tally", Columns: []string{"id", "n"}, Values: func(row []any) []any { return row }}
	e := b.followEngine(copies(tally, func(_ context.Context, f folded) error {
		if restores.Load() {
			restore()
			return f.next()
		}
		refused.Write(f.into, [][]any{{"good", int32(1)}, {"bad", nil}})
		return nil
	}))
	failed := b.ends(b.request(tally).ID, operator.StateFailed)
	require.Contains(t, failed.Error, `"tally"`)
	require.Contains(t, failed.Error, "line 2")
	require.Contains(t, failed.Error, "bad")
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname = 'lb_tally_g2'"))
	require.Equal(t, 1, b.liveAt("tally"))
	b.eachOnce(50)

	restores.Store(true)
	failed = b.ends(b.request(tally).ID, operator.StateFailed)
	require.Contains(t, failed.Error, "the tables were built from another log")
	require.Equal(t, 1, b.liveAt("tally"))
	b.awaitStatus(e, func(s operator.Projection) bool { return s.BuildFailed })
	b.caughtUp(e)
	b.eachOnce(50)
}

// A rebuild copies no dead letters: it fails at the row that the database refused live too.
func TestRebuildFailsAtRowRefusedByDatabase(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	bad := postRead(1, 1000)
	b.append(bad)
	var tries atomic.Int32
	p := copies(refusing(tally, "select 1/0", &tries, bad.Envelope.ID), func(_ context.Context, f folded) error {
		if slices.ContainsFunc(f.events, func(ev fold.Event) bool { return ev.Envelope.ID == bad.Envelope.ID }) {
			return &pgconn.PgError{Code: "22012", Message: "division by zero", Where: "COPY tally, line 51"}
		}
		return f.next()
	})
	b.followEngine(p)
	require.Equal(t, operator.ReasonWrite, b.letters("tally")[0].Reason)
	failed := b.ends(b.request(p).ID, operator.StateFailed)
	require.Contains(t, failed.Error, "COPY tally, line 51")
	require.Equal(t, 1, b.liveAt("tally"))
	require.Len(t, b.letters("tally"), 1)
}

// Confirmed operators' requests survive a crash of the server: they commit synchronously, unlike
// the pool's default.
func TestOperatorsRequestsCommitInSync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally))
	b.exec("create table lb_engine.committed (how text)")
	b.exec(`create function lb_engine.note_commit() returns trigger language plpgsql as $$
		begin insert into lb_engine.committed values (current_setting('synchronous_commit')); return new; end $$`)
	b.exec("create trigger note_commit after insert or update on generations for each row execute function lb_engine.note_commit()")
	inSync := func(step string) {
		require.Equal(t, 1, b.count("select count(*) from lb_engine.committed"), step)
		require.Equal(t, 1, b.count("select count(*) from lb_engine.committed where how = 'on'"), step)
		b.exec("truncate lb_engine.committed")
	}
	request := b.request(tally)
	inSync("request")
	require.NoError(t, b.generations().Cancel(b.ctx(), request.ID)) // at once, without a process that could run it
	inSync("cancel")
	b.ends(request.ID, operator.StateDropped)
	_, err := b.generations().Get(b.ctx(), "no such id")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

// Waiting for a step needs no polling.
func TestGenerationStepsAreNotified(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	progress := pg.NewProgress()
	ctx, cancel := context.WithCancel(b.ctx())
	var listening sync.WaitGroup
	t.Cleanup(listening.Wait)
	t.Cleanup(cancel)
	e := b.engine(tally, func(c *projections.Config) { c.Progress = progress })
	reports := func(name string, step func()) {
		t.Helper()
		stepped := e.Stepped()
		step()
		ledgertest.Receive(t, stepped, name)
	}
	var request operator.Generation
	reports("the listener", func() { listening.Go(func() { progress.Listen(ctx, b.db.URL, quiet) }) })
	reports("the request", func() { request = b.request(tally) })
	reports("an operator's decision", func() { require.NoError(t, b.generations().Cancel(b.ctx(), request.ID)) })
	request = b.request(tally)
	hold := b.newGate()
	e = b.startEngine(copies(tally, hold.copying), func(c *projections.Config) { c.Progress = progress })
	<-hold.reached
	reports("the new generation", hold.open)
	b.ends(request.ID, operator.StateLive)
}

// No process runs the version of a waiting rebuild any more: processes of the new version cancel
// it.
func TestRebuildOfAnOlderVersionIsCanceled(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	var paused atomic.Bool
	old := b.engine(tally, waitingAtSwitch(&paused))
	stop := b.follow(old)
	paused.Store(true)
	request := b.request(tally)
	b.awaitBuild(request.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsResume })
	stop()
	b.followEngine(version2(tally))
	require.NoError(t, b.generations().Cancel(b.ctx(), request.ID))
	b.ends(request.ID, operator.StateDropped)
	require.Equal(t, "dropped", b.state("tally", 2))
	b.exec("update generations set live_at = now() - interval '25 hours' where version = 2")
	b.awaitDropped("tally", 1)
	require.Equal(t, 2, b.count("select count(*) from pg_namespace where nspname ~ '^lb_tally_'"), "tables and views of the new version")
}

// The newest hundred generations of a projection are kept, for 400 days.
func TestEndedGenerationsAreDeletedByCountAndAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := func(projection string, from, to int, state, ago string) {
		b.exec(`insert into generations (projection, generation, version, topic, state, created_at, ended_at)
			select $1, n, 7, 'metrics', $4, now() - $5::interval, now() - $5::interval from generate_series($2::int, $3::int) n`,
			projection, from, to, state, ago)
	}
	ended("tally", 1, 1, "building", "1000 days")
	ended("tally", 2, 150, "dropped", "1 day")
	ended("other", 1, 150, "failed", "1 day")
	const count = "select count(*) from generations where projection = 'tally'"
	require.Equal(t, 151, b.request(tally).Generation)
	require.Equal(t, 101, b.count(count), "a hundred, and the unfinished one")
	require.Equal(t, 150, b.count("select count(*) from generations where projection = 'other'"))

	b.exec("update generations set ended_at = now() - interval '401 days' where ended_at is not null")
	require.NoError(t, b.generations().Cancel(b.ctx(), "tally.g151"))
	require.Equal(t, 152, b.request(tally).Generation)
	require.Equal(t, 3, b.count(count))
}

// The answer to the commit that creates a rebuild's generation is lost: the process finds it in its
// row and continues.
func TestRebuildSurvivesLostCommitAnswer(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	b.run(b.engine(tally))
	proxy, pool := b.proxied()
	request := b.request(tally)
	b.startEngine(tally, func(c *projections.Config) {
		c.Pool = pool
		c.Log = hookedLog{Log: b.log, afterRanges: sync.OnceFunc(func() { proxy.LoseCommits.Store(1) })}
	})
	done := b.ends(request.ID, operator.StateLive)
	require.Equal(t, int32(1), proxy.Lost.Load())
	require.Equal(t, 2, done.Generation)
	require.Equal(t, 2, b.count("select count(*) from generations"), "none is left over")
	b.eachOnce(100)
}

// The sessions of a process that has stopped responding end, also if an administrator lets the sessions
// of the service's user act in another role, which may not end them.
func TestPreviousBuildersEndInAnotherRole(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t).ActingURL(t)
	open := func(name string) *pgxpool.Pool {
		pool, err := pg.Open(t.Context(), pg.Config{URL: url, SearchPath: []string{"public"}, Name: name})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	before, now, other := open("build tally.g2 7"), open("build tally.g2 8"), open("build tally.g3 7")
	held, err := before.Acquire(t.Context())
	require.NoError(t, err)
	defer held.Release()
	require.NoError(t, pgx.BeginFunc(t.Context(), now, func(tx pgx.Tx) error {
		if err := projections.EndBuilders(t.Context(), tx, "tally", 2, 8); err != nil {
			return err
		}
		acts, err := pg.QueryBool(t.Context(), tx, "read role", "select current_user <> session_user")
		require.True(t, acts, "the transaction goes on in its role")
		return err
	}))
	ledgertest.Await(t, func(ctx context.Context) (error, error) { return held.Ping(ctx), nil }, func(err error) bool { return err != nil })
	still, err := other.Acquire(t.Context())
	require.NoError(t, err)
	defer still.Release()
	require.NoError(t, still.Ping(t.Context()))
	require.NoError(t, projections.EndBuilders(t.Context(), now, "tally", 3, 8))
	ledgertest.Await(t, func(ctx context.Context) (error, error) { return still.Ping(ctx), nil }, func(err error) bool { return err != nil })
}
