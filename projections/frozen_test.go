package projections_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// endSoon lets the server end the session of a frozen transaction after one second instead of ten.
func endSoon(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "set local idle_in_transaction_session_timeout = '1s'")
	return err
}

// The server ends the session of a projector that was stopped, as by SIGSTOP; another one folds
// again.
func TestFrozenProjectorDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newHeldTally(true)
	frozen := b.followEngine(p.Projector)
	p.generation.Store(1)
	b.appendReadings(0, 10)
	<-p.gate.reached

	stop := b.start(b.zombie(tally))
	b.appendReadings(10, 20)
	ledgertest.Eventually(t, func() bool { return b.count("select count(*) from tally") == 20 })
	p.gate.open()
	b.appendReadings(20, 30)
	b.caughtUp(frozen)
	stop()
	b.appendReadings(30, 40)
	b.caughtUp(frozen) // by the one that was frozen
	b.eachOnce(40)
}

// A frozen step of the generations holds checkpoints and the lock of all steps.
func TestFrozenGenerationStepDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	e := b.followEngine(tally)
	frozen, err := projections.OpenEnginePool(b.ctx(), b.db.URL, 4)
	require.NoError(t, err)
	t.Cleanup(frozen.Close)
	for _, sql := range []string{"select from checkpoints for update", "select pg_advisory_xact_lock(hashtext('ledgerboard generation tally'))"} {
		tx, err := frozen.Begin(b.ctx())
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		_, err = tx.Exec(b.ctx(), sql)
		require.NoError(t, err)
		var bound string
		require.NoError(t, tx.QueryRow(b.ctx(), "select current_setting('idle_in_transaction_session_timeout')").Scan(&bound))
		require.Equal(t, "10s", bound)
		require.NoError(t, endSoon(b.ctx(), tx.Conn()))
	}
	b.appendReadings(10, 20)
	b.caughtUp(e)
	b.eachOnce(20)
	ledgertest.Eventually(t, func() bool {
		_, err := b.generations().Rebuild(context.Background(), tally, "op-1", "a test")
		return err == nil
	})
}

// A stop lets the current batch finish: it is not folded again, and commands that wait for it are
// answered.
func TestStopFinishesTheBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally)) // a live generation without records
	g := b.newGate()
	e := b.engine(writes(tally, func(_ context.Context, f folded) error {
		g.first()
		return f.next()
	}))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	b.append(postRead(1, 1)) // two events might be two batches
	<-g.reached
	stop()
	g.open()
	require.NoError(t, <-ended)
	b.eachOnce(1)
}

// A stop waits for a batch for a bounded time: after that the batch is rolled back and folded by
// the next process.
func TestStopWaitsForBatchUpToLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1))
	inWrite := make(chan struct{})
	stuck := b.engine(writes(tally, func(ctx context.Context, f folded) error {
		err := f.next()
		close(inWrite)
		<-ctx.Done()
		return errors.Join(err, ctx.Err())
	})).Waiting(often)
	stop := b.start(stuck)
	<-inWrite
	stop()
	require.Zero(t, b.count("select count(*) from tally"))
	b.run(b.engine(tally))
	b.eachOnce(1)
}
