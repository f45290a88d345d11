package projections_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
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

// Rows that the tables refuse fail the rebuild with the table and the row; the live tables stay.
func TestRefusedRowsEndTheRebuild(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	b.followEngine(tally{copying: func(ctx context.Context, into write.CopyTarget, _ bool) error {
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
}
