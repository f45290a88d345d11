package projections_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Rows and checkpoint in one transaction. A transaction that fails after its rows were
// written has moved nothing; it is tried again and then folds each event exactly once.
func TestRowsAndCheckpointMoveTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(1, 2), postRead(2, 1))
	var tries atomic.Int32
	e := b.engine(faulty{tally{}, func(_ context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
		if err := next(); err != nil {
			return err
		}
		if tries.Add(1) <= 2 {
			return errInjected
		}
		return nil
	}})
	stop := b.start(e)
	require.Eventually(t, func() bool { return tries.Load() >= 2 }, patience, tick)
	b.caughtUp(e)
	stop()
	b.eachOnce(3)
	require.Equal(t, 3, b.count("select sum(next_offset) from checkpoints"))
}

// Until the transaction commits, nobody sees rows without checkpoint or checkpoint without rows.
func TestNothingShowsBeforeTheCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(1, 2))
	written, release := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(written) })
	e := b.engine(faulty{tally{}, func(_ context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
		if err := next(); err != nil {
			return err
		}
		once()
		<-release
		return nil
	}})
	stop := b.start(e)
	<-written
	require.Zero(t, b.count("select count(*) from tally"))
	require.Zero(t, b.count("select sum(next_offset) from checkpoints"))
	close(release)
	b.caughtUp(e)
	stop()
	b.eachOnce(2)
}

// A crash before, between and after the steps of a batch: the connection of the transaction is
// killed, or the answer to its commit is lost though the server has committed.
func TestCrashAnywhereFoldsEachEventOnce(t *testing.T) {
	t.Parallel()
	killOnce := func(t *testing.T, pool *pgxpool.Pool, after bool) func(context.Context, pgx.Tx, []fold.Event, func() error) error {
		var killed atomic.Bool
		return func(_ context.Context, tx pgx.Tx, _ []fold.Event, next func() error) error {
			if after {
				if err := next(); err != nil {
					return err
				}
			}
			if killed.CompareAndSwap(false, true) {
				kill(t, pool, tx)
			}
			if after {
				return nil // the commit finds out
			}
			return next()
		}
	}
	for name, after := range map[string]bool{"before the rows": false, "between rows and commit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.append(postRead(1, 1), postRead(1, 2), postRead(3, 1))
			b.run(b.engine(faulty{tally{}, killOnce(t, b.db.ReadOnly, after)}))
			b.eachOnce(3)
		})
	}
	t.Run("after the commit, before its answer", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		through, pool := b.proxied()
		e := b.engine(tally{}, func(c *projections.Config) { c.Pool, c.DatabaseURL = pool, pool.Config().ConnString() })
		stop := b.start(e)
		b.caughtUp(e)
		through.loseCommits.Store(1)
		b.append(postRead(1, 1), postRead(1, 2), postRead(3, 1))
		require.Eventually(t, func() bool { return through.lost.Load() > 0 }, patience, tick)
		b.append(postRead(1, 3))
		b.caughtUp(e)
		stop()
		b.eachOnce(4)
	})
	t.Run("of the process", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(postRead(1, 1), postRead(1, 2), postRead(3, 1))
		inWrite := make(chan struct{})
		crashed := b.engine(faulty{tally{}, func(ctx context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
			if err := next(); err != nil {
				return err
			}
			close(inWrite)
			<-ctx.Done() // stop, the nearest that a test comes to kill -9, ends the transaction here
			return ctx.Err()
		}}).Waiting(often)
		stop := b.start(crashed)
		<-inWrite
		stop()
		require.Zero(t, b.count("select count(*) from tally"))
		b.run(b.engine(tally{}))
		b.eachOnce(3)
	})
}

// The database is away for a while: the engine waits, tells so, and goes on by itself.
func TestDatabaseAwayForAWhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	through, pool := b.proxied()
	e := b.engine(tally{}, func(c *projections.Config) { c.Pool, c.DatabaseURL = pool, pool.Config().ConnString() })
	watcher := b.engine(tally{}) // reaches the database all the time
	stop := b.start(e)
	b.caughtUp(e)
	through.away.Store(true)
	through.cut()
	for n := range 20 {
		b.append(postRead(int64(n%4+1), n))
	}
	b.awaitStatus(watcher, func(s projections.Status) bool { return s.Lag == 20 })
	require.Eventually(t, func() bool { return e.Problem() != "" }, patience, tick)
	through.away.Store(false)
	b.caughtUp(e)
	stop()
	b.eachOnce(20)
}

// What a command waited to see must be on disk: else the tables, set back by a crash of the server, would
// let the next command find that there is nothing to change. All else the log can fold again.
func TestDashboardsCommitSynchronously(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		projector fold.Projector
		want      string
	}{{dashboards, "on"}, {projectors.Operations{}, "off"}} {
		t.Run(c.projector.Name(), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			stream := b.chain(agencyA)
			b.put(stream.next(stream.usersSet(client1, "u1")))
			b.append(draft(domain.TopicOperations, domain.OperationsKeyAll, "op", domain.ProjectionResumed{Projection: "x"}))
			var got []string
			b.run(b.engine(faulty{c.projector, func(ctx context.Context, tx pgx.Tx, _ []fold.Event, next func() error) error {
				if err := next(); err != nil {
					return err
				}
				var setting string
				err := tx.QueryRow(ctx, "show synchronous_commit").Scan(&setting)
				got = append(got, setting)
				return err
			}}))
			require.NotEmpty(t, got)
			require.Equal(t, []string{c.want}, slices.Compact(got))
		})
	}
}
