package projections_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// What can happen to a rebuild and to tables, and where it is tried. Each ends in equality, or is named.
//
//	kill -9 in a shard's COPY, in the keys, before it is followed, at the switch and in its commit:
//	                                     internal/dev/e2e TestRebuildIsKilled, under readers; here TestRebuildIsTakenOver*
//	frozen in a COPY, thawed after       internal/dev/e2e TestRebuildIsKilled; here TestRebuildThawedBeforeItsClaim
//	duplicates, any order in `metrics`   TestEveryProjectionFoldsAnyOrderWithDuplicates, TestConvergence*
//	partitions move                      TestPartitionsMoveDuringRebuild, TestLostPartitionTakesNoOtherWithIt
//	a long open transaction              TestASwitchWaitsForNoReader
//	a row edited by SQL                  TestCheckFindsFaults, TestCheckNamesTheRow, TestCheckTables
//	a projector with a bug               TestCheckFindsFaults
//	the database set back                TestSetBackDuringRebuild, TestSetBackBehindARebuild, TestSetBackTablesAreFoldedAgain
//	`directory` compacted                TestDirectoryIsRebuiltAfterCompaction
//	the whole database gone              TestEmptyDatabaseGivesTheSameDigests

// forgetful loses the first row of each shard, in bulk alone.
type forgetful struct{ bulkTally }

func (p forgetful) Begin(generation int) fold.Fold {
	return forgetfulFold{p.bulkTally.Begin(generation).(*bulkTallyFold)}
}

type forgetfulFold struct{ *bulkTallyFold }

func (f forgetfulFold) Take(last bool) (fold.Handover, error) {
	f.ids = f.ids[min(1, len(f.ids)):]
	return f.bulkTallyFold.Take(last)
}

// A check of the tables finds what was changed behind the log's back, and a projector whose bulk fold has a bug, and names the row.
func TestCheckFindsFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		projector fold.Projector
		alter     string
	}{
		"a row edited by SQL":     {bulkTally{}, "update lb_tally_g1.tally set n = 7 where id = 'post-1-000000'"},
		"a row removed by SQL":    {bulkTally{}, "delete from lb_tally_g1.tally where id = 'post-1-000000'"},
		"a projector with a bug":  {forgetful{}, ""},
		"a checkpoint set by SQL": {bulkTally{}, "update checkpoints set next_offset = next_offset - 1 where generation = 1 and next_offset > 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.appendReadings(0, 60)
			b.run(b.engine(c.projector))
			if c.alter != "" {
				b.exec(c.alter)
			}
			r := b.check(c.projector)
			require.False(t, r.Equal)
			require.Contains(t, r.Tables[0].FirstDifference.Key["id"], "post-")
		})
	}
}

// The tables that serve are set back while others are made from the log: these are what the log gives, and readers never see a
// row twice.
func TestSetBackDuringRebuild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 200)
	g := newGate()
	defer g.open()
	p := bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		g.first()
		return nil
	}}
	e := b.engine(p)
	b.start(e)
	b.caughtUp(e)
	readers := b.readers(p)
	stop := make(chan struct{})
	var reading sync.WaitGroup
	var wrong atomic.Int64
	reading.Go(func() {
		for more(stop) {
			var twice int
			if err := readers.QueryRow(context.Background(), "select count(*) from tally where n <> 1").Scan(&twice); err != nil || twice > 0 {
				wrong.Add(1)
			}
		}
	})
	asked := b.request("tally")
	<-g.reached
	require.NoError(t, pgx.BeginFunc(b.ctx(), b.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(b.ctx(), "delete from lb_tally_g1.tally")
		if err == nil {
			_, err = tx.Exec(b.ctx(), "update checkpoints set next_offset = 0 where projection = 'tally' and generation = 1")
		}
		return err
	}))
	g.open()
	b.ends(asked.ID, operator.RebuildDone)
	close(stop)
	reading.Wait()
	require.Zero(t, wrong.Load())
	b.eachOnce(200)
}

// What the engine knows is set back behind a rebuild: the next rebuild makes the tables that nobody knows of again.
func TestSetBackBehindARebuild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	e := b.engine(bulkTally{})
	stop := b.start(e)
	b.caughtUp(e)
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	stop()
	for _, sql := range []string{
		"delete from rebuilds", "delete from checkpoints where generation = 2", "delete from generations where generation = 2",
		"update generations set state = 'live', retired_at = null", "update checkpoints set state = 'live'",
	} {
		b.exec(sql)
	}
	b.appendReadings(50, 60)
	b.start(e)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 2, b.ends(b.request("tally").ID, operator.RebuildDone).Generation)
	b.sameTally(60, "lb_tally_g1", "lb_tally_g2")
}

// The whole database is gone: an empty one is filled from the log, and its digests are those of the tables that were
// followed event by event, for every projection.
func TestEmptyDatabaseGivesTheSameDigests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fresh := *b
	fresh.db = newDatabase(t)
	fresh.exec("update identity set database_id = gen_random_uuid()") // tests' databases are copies of one
	for _, p := range every() {
		e := b.engine(p).InBatchesOf(3)
		b.start(e)
		b.caughtUp(e)
	}
	b.mixture()
	stop := b.traffic()
	b.append(postRead(1, 5000))
	stop()
	for _, p := range every() {
		b.caughtUp(b.engine(p))
		fresh.run(fresh.engine(p))
		for _, table := range p.Tables() {
			live, err := projections.Digests(b.ctx(), b.db.Pool, p.Name(), 1, table)
			require.NoError(t, err)
			anew, err := projections.Digests(b.ctx(), fresh.db.Pool, p.Name(), 1, table)
			require.NoError(t, err)
			require.Equal(t, live, anew, "%s of %s", table, p.Name())
		}
	}
	require.Positive(t, b.count("select count(*) from tSPostInsights"))
	require.Positive(t, b.count("select count(*) from dashboard_history"))
}
