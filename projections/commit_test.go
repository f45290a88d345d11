package projections_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// A crash around the commit of a batch: the connection of the transaction is killed between the rows and the commit, or the answer
// to the commit is lost though the server has committed. TestConvergence has crashes of processes.
func TestCrashAtTheCommitFoldsEachEventOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	through, pool := b.proxied()
	var kills atomic.Bool
	p := faulty{tally{}, func(_ context.Context, tx pgx.Tx, _ []fold.Event, next func() error) error {
		err := next()
		if kills.CompareAndSwap(true, false) {
			kill(t, b.db.ReadOnly, tx)
			return nil // the commit finds out
		}
		return err
	}}
	e := b.engine(p, func(c *projections.Config) { c.Pool, c.DatabaseURL = pool, pool.Config().ConnString() })
	b.follow(e)
	kills.Store(true)
	b.append(postRead(1, 1), postRead(1, 2), postRead(3, 1))
	b.caughtUp(e)
	require.False(t, kills.Load())
	b.eachOnce(3)

	through.loseCommits.Store(1)
	b.append(postRead(1, 3), postRead(3, 2))
	require.Eventually(t, func() bool { return through.lost.Load() > 0 }, patience, tick)
	b.append(postRead(1, 4))
	b.caughtUp(e)
	b.eachOnce(6)
}

// A process that cannot reach the database gives its partitions back and asks for none until it reaches it again: another process
// folds meanwhile. It goes on without a restart.
func TestWhoCannotReachTheDatabaseAsksForNoPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	through, pool := b.proxied()
	e := b.engine(projectors.Directory{}, func(c *projections.Config) {
		c.Pool, c.DatabaseURL = pool, pool.Config().ConnString()
	}).Waiting(often)
	b.follow(e)
	through.away.Store(true)
	through.cut()
	b.append(category(2, "b"))
	require.Eventually(t, func() bool { return strings.Contains(e.Problem(), "reach the database") }, patience, tick)

	other := b.engine(projectors.Directory{})
	b.start(other)
	b.awaitStatus(other, func(s projections.Status) bool { return s.Lag == 0 })
	require.Equal(t, 2, b.count("select count(*) from tDefaultCategories"), "folded by the other")
	through.away.Store(false)
	b.append(category(3, "c"))
	b.caughtUp(e)
	require.Equal(t, 3, b.count("select count(*) from tDefaultCategories"))
}

// What a command waited to see must be on disk: else the tables, set back by a crash of the server, would
// let the next command find that there is nothing to change. All else the log can fold again.
func TestDashboardsCommitSynchronously(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stream := b.chain(agencyA)
	b.put(stream.next(stream.usersSet(client1, "u1")))
	b.append(draft(domain.TopicOperations, domain.OperationsKeyAll, "op", domain.ProjectionResumed{Projection: "x"}))
	for _, c := range []struct {
		projector fold.Projector
		want      string
	}{{dashboards, "on"}, {projectors.Operations{}, "off"}} {
		var got string
		b.run(b.engine(faulty{c.projector, func(ctx context.Context, tx pgx.Tx, _ []fold.Event, next func() error) error {
			return errors.Join(next(), tx.QueryRow(ctx, "show synchronous_commit").Scan(&got))
		}}))
		require.Equal(t, c.want, got, c.projector.Name())
	}
}
