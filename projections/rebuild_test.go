package projections_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// A rebuild with concurrent writes: readers that count the rows never see fewer than before,
// duplicates, or an error.
func TestRebuildUnderTraffic(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 3000)
	p := tally{}.projector()
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
	done := b.ends(b.request(p).ID, operator.RebuildDone)
	stop()
	traffic.Wait()
	require.Nil(t, wrong.Load())
	require.Equal(t, 2, done.Generation)
	require.Equal(t, done.EventsTotal, done.EventsDone)
	require.Positive(t, done.Rate, "a rebuild shorter than a heartbeat has a rate too")
	require.GreaterOrEqual(t, done.EventsTotal, int64(3000))
	require.Equal(t, 2, b.caughtUp(e).Generation)
	require.Equal(t, events, b.count("select count(*) from lb_tally_g2.tally"))
	require.Zero(t, b.count("select count(*) from (table lb_tally_g1.tally except table lb_tally_g2.tally) d"))
	require.Equal(t, events, b.count("select count(*) from lb.tally"), "the views show the new tables")
	require.Equal(t, "retired", b.state("tally", 1))
}

// A process freezes before the first statement of its shards: it claims nothing with its old lease.
func TestRebuildThawedBeforeItsClaim(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	first := b.engine(tally{}.projector())
	b.run(first)
	requested := b.request(tally{}.projector())
	// As left by the first process, which created the generation and froze: a lease, shards, no
	// sessions.
	b.exec("update rebuilds set lease = 1, lease_until = '-infinity' where id = $1", requested.ID)
	g := b.newGate()
	var created atomic.Bool
	second := b.engine(tally{begin: func(generation int) {
		if created.Load() && generation == 0 { // as rebuilds begin their folds
			g.pass()
		}
	}}.projector())
	created.Store(true)
	b.start(second)
	<-g.reached
	for partition := range partitions[domain.TopicMetrics] {
		claimed, err := first.Claims(b.ctx(), requested.ID, 1, partition)
		require.NoError(t, err)
		require.False(t, claimed, "by the frozen process")
		claimed, err = second.Claims(b.ctx(), requested.ID, 2, partition)
		require.NoError(t, err)
		require.True(t, claimed, "by the process that took over")
	}
	g.open()
	b.ends(requested.ID, operator.RebuildDone)
	b.eachOnce(100)
}

// twoTables has an empty table in addition to tally.
type twoTables struct{ tally }

func (p twoTables) projector() fold.Projector {
	created := p.tally.projector()
	created.Tables = []string{"tally", "aside"}
	created.Definition = "create table aside (id int);\n" + created.Definition + "create unique index aside_id on aside (id);\n"
	return created
}

// The keys of one table are done; those of another are still missing.
func TestRebuildIsTakenOverInItsKeys(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	g := b.newGate()
	first := b.engine(twoTables{tally{copying: g.copying}}.projector())
	requested := b.request(tally{}.projector())
	stop := b.start(first)
	<-g.reached
	tx, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(b.ctx(), "lock table lb_tally_g1.aside in row exclusive mode")
	require.NoError(t, err)
	g.open()
	created := func() bool { return b.count("select count(*) from rebuild_shards where partition = -1 and done") == 1 }
	require.Eventually(t, created, patience, tick)
	require.Zero(t, b.count("select count(*) from rebuild_shards where partition = -2 and done"))
	second := b.startEngine(twoTables{}.projector(), b.ownLog)
	b.takenOver(requested.ID, 1)
	stop()
	require.NoError(t, tx.Commit(b.ctx()))
	b.ends(requested.ID, operator.RebuildDone)
	b.caughtUp(second)
	require.Equal(t, 100, b.count("select count(*) from lb_tally_g1.tally"))
	require.Equal(t, 2, b.count("select count(*) from pg_indexes where schemaname = 'lb_tally_g1'"))
}

// A process freezes at the switch: another one switches, and the first changes nothing when it
// resumes.
func TestRebuildIsTakenOverAtTheSwitch(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 200)
	g := b.newGate()
	first := b.engine(tally{}.projector(), func(c *projections.Config) {
		pool := c.Pool
		c.Paused = func(ctx context.Context) (bool, error) {
			var switching bool
			err := pool.QueryRow(ctx, "select exists (select from rebuilds where state = 'switching' and lease = 1)").Scan(&switching)
			if switching { // the whole process freezes: sessions ask too, and the heartbeat
				g.pass()
			}
			return false, err
		}
	})
	stop := b.follow(first)
	requested := b.request(tally{}.projector())
	<-g.reached
	second := b.startEngine(tally{}.projector(), b.ownLog)
	b.takenOver(requested.ID, 1)
	b.ends(requested.ID, operator.RebuildDone)
	g.open()
	stop()
	require.Equal(t, operator.RebuildDone, b.ends(requested.ID, operator.RebuildDone).State)
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
	b.followEngine(tally{copying: func(ctx context.Context, _ write.CopyTarget, _ bool) error { return g.wait(ctx) }}.projector())
	first := b.request(tally{}.projector())
	<-g.reached
	_, err := b.askFor(requestOf("tally"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, first.ID)
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), first.ID))
	b.ends(first.ID, operator.RebuildCanceled)
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname = 'lb_tally_g2'"))
	require.Equal(t, 1, b.count("select count(*) from generations where generation = 2 and state = 'dropped'"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(b.rebuilds().Cancel(b.ctx(), first.ID)))
	g.open()
	b.ends(b.request(tally{}.projector()).ID, operator.RebuildDone)
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
	e := b.followEngine(tally{copying: func(ctx context.Context, into write.CopyTarget, _ bool) error {
		if restores.Load() {
			restore()
			return nil
		}
		_, err := into.CopyFrom(ctx, pgx.Identifier{"tally"}, []string{"id", "n"}, pgx.CopyFromRows([][]any{{"good", 1}, {"bad", nil}}))
		return err
	}}.projector())
	failed := b.ends(b.request(tally{}.projector()).ID, operator.RebuildFailed)
	require.Contains(t, failed.Error, `"tally"`)
	require.Contains(t, failed.Error, "line 2")
	require.Contains(t, failed.Error, "bad")
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname = 'lb_tally_g2'"))
	require.Equal(t, 1, b.liveAt("tally"))
	b.eachOnce(50)

	restores.Store(true)
	failed = b.ends(b.request(tally{}.projector()).ID, operator.RebuildFailed)
	require.Contains(t, failed.Error, "the tables were built from another log")
	require.Equal(t, 1, b.liveAt("tally"))
	b.caughtUp(e)
	b.eachOnce(50)
}

// Confirmed operators' requests survive a crash of the server: they commit synchronously, unlike
// the pool's default.
func TestOperatorsRequestsCommitInSync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally{}.projector()))
	b.exec("create table lb_engine.committed (how text)")
	b.exec(`create function lb_engine.note_commit() returns trigger language plpgsql as $$
		begin insert into lb_engine.committed values (current_setting('synchronous_commit')); return new; end $$`)
	b.exec("create trigger note_commit after insert or update on rebuilds for each row execute function lb_engine.note_commit()")
	inSync := func(step string) {
		require.Equal(t, 1, b.count("select count(*) from lb_engine.committed"), step)
		require.Equal(t, 1, b.count("select count(*) from lb_engine.committed where how = 'on'"), step)
		b.exec("truncate lb_engine.committed")
	}
	request := b.request(tally{}.projector())
	inSync("request")
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID)) // at once, without a process that could run it
	inSync("cancel")
	b.ends(request.ID, operator.RebuildCanceled)
	_, err := b.rebuilds().Get(b.ctx(), "no such id")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	b.exec("update generations set state = 'retired', retired_at = now()")
	_, err = b.switchBack(requestOf("tally"))
	require.NoError(t, err)
	inSync("switch back")
}

// Waiting for a step needs no polling.
func TestStepsOfGenerationsAreHeard(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	progress := pg.NewProgress()
	ctx, cancel := context.WithCancel(b.ctx())
	var listening sync.WaitGroup
	t.Cleanup(listening.Wait)
	t.Cleanup(cancel)
	e := b.engine(tally{}.projector(), func(c *projections.Config) { c.Progress = progress })
	reports := func(name string, step func()) {
		t.Helper()
		stepped := e.Stepped()
		step()
		select {
		case <-stepped:
		case <-time.After(patience):
			require.FailNow(t, "no notice of "+name)
		}
	}
	var request operator.Rebuild
	reports("the listener", func() { listening.Go(func() { progress.Listen(ctx, b.db.URL, quiet) }) })
	reports("the request", func() { request = b.request(tally{}.projector()) })
	reports("an operator's decision", func() { require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID)) })
	request = b.request(tally{}.projector())
	hold := b.newGate()
	e = b.startEngine(tally{copying: hold.copying}.projector(), func(c *projections.Config) { c.Progress = progress })
	<-hold.reached
	reports("the new generation", hold.open)
	b.ends(request.ID, operator.RebuildDone)
}

// No process runs the version of a waiting rebuild any more: processes of the new version cancel
// it.
func TestRebuildOfAnOlderVersionIsCanceled(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	var paused atomic.Bool
	old := b.engine(tally{}.projector(), waitingAtSwitch(&paused))
	stop := b.follow(old)
	paused.Store(true)
	request := b.request(tally{}.projector())
	b.awaitRebuild(request.ID, func(r operator.Rebuild) bool {
		return r.State == operator.RebuildSwitching && strings.Contains(r.Error, "paused")
	})
	stop()
	b.followEngine(version2{tally{}.projector()}.projector())
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID))
	b.ends(request.ID, operator.RebuildCanceled)
	require.Equal(t, "dropped", b.state("tally", 2))
	b.exec("update generations set live_at = now() - interval '25 hours' where version = 2")
	b.awaitDropped("tally", 1)
	require.Equal(t, 2, b.count("select count(*) from pg_namespace where nspname ~ '^lb_tally_'"), "tables and views of the new version")
}

// No generation was live before the candidate, so readers used it before the switch.
func TestCanceledRebuildThatReadersUseStays(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	p := b.newHeldTally(true)
	p.generation.Store(1)
	var paused atomic.Bool
	e := b.startEngine(p.projector(), waitingAtSwitch(&paused))
	<-p.gate.reached
	paused.Store(true) // the switch waits
	request := b.request(tally{}.projector())
	b.awaitRebuild(request.ID, func(r operator.Rebuild) bool { return r.State == operator.RebuildSwitching })
	require.Eventually(t, func() bool {
		return b.count("select count(*) from pg_views where schemaname = 'lb' and viewname = 'tally'") == 1
	}, patience, tick)
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID))
	canceled := b.ends(request.ID, operator.RebuildCanceled)
	require.Contains(t, canceled.Error, "readers already use its generation")
	require.Equal(t, 2, b.liveAt("tally"))
	require.Equal(t, 100, b.count("select count(*) from lb.tally"))
	p.gate.open()
	paused.Store(false)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	require.Equal(t, 2, b.caughtUp(e).Generation)
}

// The newest hundred rebuilds of a projection are kept, for 400 days.
func TestRebuildsThatEndedAreForgotten(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	b.followEngine(tally{}.projector())
	b.ends(b.request(tally{}.projector()).ID, operator.RebuildDone)
	require.Equal(t, 5, b.count("select count(*) from rebuild_shards"))
	ended := func(projection string, n int, ago string) {
		b.exec(`insert into rebuilds (id, projection, version, state, requested_by, reason, requested_at, finished_at)
			select gen_random_uuid(), $1, 1, 'done', 'a', 'test', now() - $3::interval - n * interval '1 second', now() - $3::interval
			from generate_series(1, $2::int) n`, projection, n, ago)
	}
	ended("tally", 150, "1 day")
	ended("other", 150, "1 day")
	b.exec(`insert into rebuilds (id, projection, version, state, requested_by, reason, requested_at)
		values (gen_random_uuid(), 'tally', 7, 'switching', 'a', 'test', now() - interval '1000 days')`)
	last := b.ends(b.request(tally{}.projector()).ID, operator.RebuildDone)
	require.Equal(t, 101, b.count("select count(*) from rebuilds where projection = 'tally'"), "a hundred, and the unfinished one")
	require.Equal(t, 1, b.count("select count(*) from rebuilds where version = 7"))
	require.Equal(t, 150, b.count("select count(*) from rebuilds where projection = 'other'"))
	require.Equal(t, 5, b.count("select count(*) from rebuild_shards"), "of the last rebuild")
	require.Equal(t, 5, b.count("select count(*) from rebuild_shards where rebuild = $1", last.ID))

	b.exec("update rebuilds set finished_at = now() - interval '401 days' where finished_at is not null")
	b.request(tally{}.projector())
	require.Equal(t, 2, b.count("select count(*) from rebuilds where projection = 'tally'"))
}

// The answer to the commit that creates a rebuild's generation is lost: the process finds it in its
// row and continues.
func TestRebuildWithALostCommitAnswer(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	b.run(b.engine(tally{}.projector()))
	proxy, pool := b.proxied()
	request := b.request(tally{}.projector())
	b.startEngine(tally{}.projector(), func(c *projections.Config) {
		c.Pool = pool
		c.Log = hookedLog{Log: b.log, afterRanges: sync.OnceFunc(func() { proxy.loseCommits.Store(1) })}
	})
	done := b.ends(request.ID, operator.RebuildDone)
	require.Equal(t, int32(1), proxy.lost.Load())
	require.Equal(t, 2, done.Generation)
	require.Equal(t, 2, b.count("select count(*) from generations"), "none is left over")
	b.sameTally(100, "lb_tally_g1", "lb_tally_g2")
}
