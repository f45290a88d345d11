package projections_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// zombie makes an engine that follows the same partitions as another one, and does not know it.
func (b *bench) zombie(p fold.Projector) *projections.Engine {
	return b.engine(p, func(c *projections.Config) { c.Log = otherGroup{b.log} })
}

// Of two processes that fold the same records only one commits.
func TestZombieDoesNotCommit(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{
		"the first commits, the second drops what lies below": nil,
		"the first fails, the second commits":                 errInjected,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.run(b.engine(tally{})) // a live generation without records
			inWrite, release := make(chan struct{}), make(chan struct{})
			var firsts atomic.Int32
			first := b.engine(faulty{tally{}, func(_ context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
				if firsts.Add(1) > 1 {
					return next()
				}
				close(inWrite)
				<-release // it holds the checkpoint's row now
				if fails != nil {
					return fails
				}
				return next()
			}})
			second := b.zombie(tally{})
			b.start(first)
			b.append(postRead(1, 1), postRead(1, 2), postRead(1, 3))
			<-inWrite
			b.start(second)
			require.Eventually(t, func() bool { return b.waiting() == 1 }, patience, tick) // the second, for the row
			close(release)
			b.caughtUp(first)
			b.eachOnce(3)
			b.append(postRead(1, 4), postRead(2, 1))
			b.caughtUp(second)
			b.caughtUp(first)
			b.eachOnce(5)
		})
	}
}

// version2 is a projector whose code has changed.
type version2 struct{ fold.Projector }

func (version2) Version() int { return 2 }

// A binary with another version of a projector makes a generation of its own beside the one that serves, and each follows its own.
// Readers by name use the one that is folded. If the newer version is stopped and not used for a week, its generation is dropped.
func TestOtherVersionIsMadeBeside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1))
	old := b.engine(tally{})
	stopOld := b.follow(old)
	newer := b.zombie(version2{tally{}})
	stopNewer := b.start(newer)
	require.Equal(t, 2, b.caughtUp(newer).Generation)
	require.Equal(t, 1, b.caughtUp(old).Generation, "readers of the old version stay where they are")
	stopOld()
	b.shows("tally", "lb_tally_v2")
	b.append(postRead(1, 2))
	b.caughtUp(newer)
	b.eachOnce(2)
	require.Equal(t, 1, b.count("select count(*) from lb_tally_g1.tally"), "the old binary has gone")
	stopNewer()
	old = b.engine(tally{})
	b.start(old)
	require.Equal(t, 1, b.caughtUp(old).Generation)
	require.Equal(t, 2, b.count("select count(*) from lb_tally_g1.tally"), "and comes back")
	b.shows("tally", "lb_tally_v1")
	b.exec("update checkpoints set progressed_at = now() - interval '8 days', caught_up_at = now() - interval '8 days' where generation = 2")
	b.awaitDropped("tally", 2)
	b.append(postRead(1, 3))
	b.caughtUp(old)
	b.eachOnce(3)
}

func (b *bench) databaseID() (id string) {
	require.NoError(b.t, b.db.Pool.QueryRow(b.ctx(), "select database_id::text from identity").Scan(&id))
	return id
}

// members is the number of members of a consumer group.
func (b *bench) members(group string) int {
	groups, err := b.admin.DescribeGroups(b.ctx(), group)
	if err != nil || groups[group].Err != nil {
		return 0
	}
	return len(groups[group].Members)
}

// A batch over two partitions, one of which another process has taken meanwhile: the transaction
// moves neither, and the other partition's events are folded by the next one, not taken for folded.
func TestLostPartitionTakesNoOtherWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally{}))
	b.append(postRead(1, 1), postRead(1, 2), postRead(2, 1), postRead(2, 2))
	kept, taken := b.partitionOf(domain.TopicMetrics, "1"), b.partitionOf(domain.TopicMetrics, "2")
	require.NotEqual(t, kept, taken)
	var other sync.WaitGroup
	var first atomic.Bool
	e := b.engine(faulty{tally{}, func(ctx context.Context, tx pgx.Tx, events []fold.Event, next func() error) error {
		if first.Load() {
			return next()
		}
		if len(events) != 4 { // it is tried again, and then read again
			return fmt.Errorf("the batch does not hold both partitions: %s", ids(events))
		}
		first.Store(true)
		other.Go(func() { b.exec("update checkpoints set next_offset = 2 where partition = $1", taken) })
		for deadline := time.Now().Add(patience); b.waiting() == 0 && time.Now().Before(deadline); {
		}
		// It stands in line for the row, and gets it when this transaction ends: before this one is tried again, however slow it is.
		err := tx.Rollback(ctx)
		other.Wait()
		return errors.Join(errInjected, err)
	}})
	b.follow(e)
	require.Equal(t, []string{"post-1-000001", "post-1-000002"}, b.tallied(), "partition %d, once; %d is the other's", kept, taken)
}

// waiting is the number of sessions that wait for a checkpoint's row.
func (b *bench) waiting() int {
	return b.count(`select count(*) from pg_stat_activity where datname = current_database()
		and wait_event_type = 'Lock' and query like '%update checkpoints%'`)
}

// tallied are the events that tally has folded.
func (b *bench) tallied() []string {
	b.t.Helper()
	rows, err := b.db.Pool.Query(b.ctx(), "select id from tally order by 1")
	require.NoError(b.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b.t, err)
	return list
}
