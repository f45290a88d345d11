package projections_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Confirmed operators' requests survive a crash of the server: they commit synchronously, unlike
// the pool's default.
func TestOperatorsRequestsCommitInSync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally{}.projector()))
	b.exec("create table public.committed (how text)")
	b.exec(`create function public.note_commit() returns trigger language plpgsql as $$
		begin insert into public.committed values (current_setting('synchronous_commit')); return new; end $$`)
	b.exec("create trigger note_commit after insert or update on rebuilds for each row execute function public.note_commit()")
	inSync := func(step string) {
		require.Equal(t, 1, b.count("select count(*) from public.committed"), step)
		require.Equal(t, 1, b.count("select count(*) from public.committed where how = 'on'"), step)
		b.exec("truncate public.committed")
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
