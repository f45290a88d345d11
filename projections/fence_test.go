package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// zombie creates an engine that follows the same partitions as another one without knowing it.
func (b *bench) zombie(p fold.Projector) *projections.Engine {
	return b.engine(p, func(c *projections.Config) { c.Log = otherGroup{b.log} })
}

// Of two processes that fold the same records, only one commits.
func TestOnlyOneProcessCommitsABatch(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{
		"the first commits, the second drops the folded records": nil,
		"the first fails, the second commits":                    errInjected,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.run(b.engine(tally)) // a live generation without records
			g := b.newGate()
			first := b.engine(writes(tally, func(_ context.Context, f folded) error {
				if g.first() && fails != nil { // it holds the lock on the checkpoint's row
					return fails
				}
				return f.next()
			}))
			second := b.zombie(tally)
			b.start(first)
			b.append(postRead(1, 1), postRead(1, 2), postRead(1, 3))
			<-g.reached
			b.start(second)
			ledgertest.Eventually(t, func() bool { return b.waiting() == 1 }) // the second, for the row
			g.open()
			b.caughtUp(first)
			b.eachOnce(3)
			b.append(postRead(1, 4), postRead(2, 1))
			b.caughtUp(second)
			b.caughtUp(first)
			b.eachOnce(5)
		})
	}
}

// version2 returns a projector whose code has changed.
func version2(p fold.Projector) fold.Projector {
	p.Version = 2
	return p
}

// Readers by name use the version that is folded; a version that was unused for a week is dropped.
func TestNewVersionIsBuiltWhileOldStaysLive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1))
	old := b.engine(tally)
	stopOld := b.follow(old)
	newer := b.zombie(version2(tally))
	stopNewer := b.start(newer)
	require.Equal(t, 2, b.caughtUp(newer).Generation)
	require.Equal(t, 1, b.caughtUp(old).Generation, "readers of the old version are not switched")
	stopOld()
	b.shows("tally", "lb_tally_v2")
	b.append(postRead(1, 2))
	b.caughtUp(newer)
	b.eachOnce(2)
	require.Equal(t, 1, b.count("select count(*) from lb_tally_g1.tally"), "the old binary is stopped")
	stopNewer()
	old = b.startEngine(tally)
	require.Equal(t, 1, b.caughtUp(old).Generation)
	require.Equal(t, 2, b.count("select count(*) from lb_tally_g1.tally"), "and restarted")
	b.shows("tally", "lb_tally_v1")
	b.exec("update checkpoints set progressed_at = now() - interval '8 days', caught_up_at = now() - interval '8 days' where generation = 2")
	b.awaitDropped("tally", 2)
	b.append(postRead(1, 3))
	b.caughtUp(old)
	b.eachOnce(3)
}

// Another process took one partition of a batch: the other partition is folded again.
func TestLostPartitionDoesNotLoseOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally))
	b.append(postRead(1, 1), postRead(1, 2), postRead(2, 1), postRead(2, 2))
	own, lost := b.partitionOf(domain.TopicMetrics, "1"), b.partitionOf(domain.TopicMetrics, "2")
	require.NotEqual(t, own, lost)
	var other sync.WaitGroup
	var first atomic.Bool
	b.followEngine(writes(tally, func(ctx context.Context, f folded) error {
		if first.Load() {
			return f.next()
		}
		if len(f.events) != 4 { // it is retried, and then read again
			return fmt.Errorf("the batch does not have both partitions: %d events", len(f.events))
		}
		first.Store(true)
		other.Go(func() { b.exec("update checkpoints set next_offset = 2 where partition = $1", lost) })
		for deadline := time.Now().Add(patience); b.waiting() == 0 && time.Now().Before(deadline); {
		}
		// It waits for the row and gets it when this transaction ends, before the retry of this
		// one, however slow it is.
		err := f.tx.Rollback(ctx)
		other.Wait()
		return errors.Join(errInjected, err)
	}))
	folded := ledgertest.Column[string](t, b.db.Pool, "select id from tally order by 1")
	require.Equal(t, []string{"post-1-000001", "post-1-000002"}, folded, "partition %d, once; the other process has %d", own, lost)
}

// waiting returns the number of sessions that wait for a checkpoint's row.
func (b *bench) waiting() int {
	return b.count(`select count(*) from pg_stat_activity where datname = current_database()
		and wait_event_type = 'Lock' and query like '%update checkpoints%'`)
}

// The connection is lost before the commit, or with its answer. TestFoldIsIndependentOfBatchesAndCrashes also kills
// processes.
func TestCrashAtTheCommitFoldsEachEventOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	through, pool := b.proxied()
	var kills atomic.Bool
	p := writes(tally, func(_ context.Context, f folded) error {
		err := f.next()
		if kills.CompareAndSwap(true, false) {
			_, err = b.db.ReadOnly.Exec(context.Background(), "select pg_terminate_backend($1, 10000)", f.conn.PgConn().PID())
			return err // the commit finds out
		}
		return err
	})
	e := b.followEngine(p, func(c *projections.Config) { c.Pool, c.DatabaseURL = pool, pool.Config().ConnString() })
	kills.Store(true)
	b.append(postRead(1, 1), postRead(1, 2), postRead(3, 1))
	b.caughtUp(e)
	require.False(t, kills.Load())
	b.eachOnce(3)

	through.LoseCommits.Store(1)
	b.append(postRead(1, 3), postRead(3, 2))
	ledgertest.Eventually(t, func() bool { return through.Lost.Load() > 0 })
	b.append(postRead(1, 4))
	b.caughtUp(e)
	b.eachOnce(6)
}

// Another process folds in the meantime, and the first one continues without a restart.
func TestUnreachableDatabaseReleasesPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	through, pool := b.proxied()
	e := b.engine(projectors.Directory, func(c *projections.Config) {
		c.Pool, c.DatabaseURL = pool, pool.Config().ConnString()
	}).Waiting(often)
	b.follow(e)
	through.Lead(t, "")
	through.Cut()
	b.append(category(2, "b"))
	ledgertest.Eventually(t, func() bool { return strings.Contains(e.Problem(), "reach the database") })

	other := b.startEngine(projectors.Directory)
	b.awaitStatus(other, func(s operator.Projection) bool { return s.Lag == 0 })
	require.Equal(t, 2, b.count("select count(*) from tDefaultCategories"), "folded by the other process")
	through.Lead(t, b.db.URL)
	b.append(category(3, "c"))
	b.caughtUp(e)
	require.Equal(t, 3, b.count("select count(*) from tDefaultCategories"))
}

// Rows that a command waited for survive a crash of the server; the log can restore all others. The
// server bounds all folds.
func TestFoldCommitsSyncOnlyForAwaitedRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stream := b.chain(agencyA)
	b.put(stream.next(stream.usersSet(client1, "u1")))
	b.append(draft(domain.TopicOperations, domain.OperationsKeyAll, "op", domain.OperatorFinished{Of: "x"}))
	for _, c := range []struct {
		projector fold.Projector
		want      string
	}{{dashboards, "on"}, {projectors.Operations, "off"}} {
		var got string
		b.run(b.engine(writes(c.projector, func(ctx context.Context, f folded) error {
			return errors.Join(f.next(), f.conn.QueryRow(ctx, `
				select string_agg(current_setting(name), ' ') from unnest(array[
					'synchronous_commit', 'idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout']) name`).Scan(&got))
		})))
		require.Equal(t, c.want+" 10s 30s 10min", got, c.projector.Name)
	}
}
