package projections_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// otherProcess is the variable in which a test says to a process of this binary what it is to fold.
const otherProcess = "LEDGERBOARD_TEST_PROJECTOR"

// foldingTold is what such a process is told.
type foldingTold struct {
	DatabaseURL string
	Brokers     []string
}

// TestAsProjector is such a process: it folds until its standard input ends. Otherwise it is no test.
func TestAsProjector(t *testing.T) {
	told := os.Getenv(otherProcess)
	if told == "" {
		return
	}
	var f foldingTold
	require.NoError(t, json.Unmarshal([]byte(told), &f))
	pool, err := projections.OpenEnginePool(t.Context(), f.DatabaseURL, 4)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	b := &bench{t: t, db: &pgtest.DB{URL: f.DatabaseURL, Pool: pool}, topics: testTopics(t), brokers: f.Brokers}
	b.log = b.openLog(domain.NewRegistry())
	b.start(b.engine(gatedTally{gate: os.NewFile(3, "gate")}))
	_, err = os.Stdin.Read(make([]byte, 1))
	require.Error(t, err, "the test's process has ended")
}

// gatedTally is tally whose first rows wait for the end of a pipe before they are written.
type gatedTally struct {
	tally
	gate io.Reader
}

func (p gatedTally) Begin(int) fold.Fold { return &gatedFold{of: p} }

type gatedFold struct {
	tallyFold
	of gatedTally
}

func (f *gatedFold) Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	if err := endSoon(ctx, tx); err != nil {
		return err
	}
	f.of.wait()
	return f.tallyFold.Write(ctx, tx, last)
}

// endSoon has the server end the session of a transaction that freezes after one second instead of ten; [TestTheServerEndsWhatFreezesInAFold]
// says how it is in production.
func endSoon(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "set local idle_in_transaction_session_timeout = '1s'")
	return err
}

// wait returns at once when the pipe has ended.
func (p gatedTally) wait() { _, _ = p.gate.Read(make([]byte, 1)) }

// process starts a process that folds, and whose rows wait until the gate is opened.
func (b *bench) process() (p *os.Process, open func()) {
	b.t.Helper()
	told, err := json.Marshal(foldingTold{b.db.URL, b.brokers})
	require.NoError(b.t, err)
	gate, opener, err := os.Pipe()
	require.NoError(b.t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestAsProjector$")
	cmd.Env = append(os.Environ(), otherProcess+"="+string(told))
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{gate}
	lives, err := cmd.StdinPipe()
	require.NoError(b.t, err)
	require.NoError(b.t, cmd.Start())
	require.NoError(b.t, gate.Close())
	b.t.Cleanup(func() {
		_ = opener.Close() // it may be open
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = lives.Close()
		require.NoError(b.t, cmd.Wait())
	})
	return cmd.Process, func() { require.NoError(b.t, opener.Close()) }
}

// stand stops a child and waits until all its threads stand: one that runs on for a moment may go through a gate that is opened.
func stand(t *testing.T, child *os.Process) {
	t.Helper()
	require.NoError(t, child.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(child.Pid, &status, syscall.WUNTRACED, nil)
	for errors.Is(err, syscall.EINTR) {
		_, err = syscall.Wait4(child.Pid, &status, syscall.WUNTRACED, nil)
	}
	require.NoError(t, err)
	require.True(t, status.Stopped(), "it has ended")
}

// session tells how many sessions that fold are in a state.
func (b *bench) session(where string) int {
	return b.count(`select count(*) from pg_stat_activity
		where datname = current_database() and application_name = 'ledgerboard tally.g1' and ` + where)
}

// A projector that stops within a transaction, as by SIGSTOP or with its machine, holds no one up: the server ends its session.
// When it goes on it has written nothing, and folds again.
func TestFrozenProcessHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	frozen, open := b.process()
	look := b.engine(tally{})
	b.caughtUp(look)
	b.appendReadings(0, 10)
	require.Eventually(t, func() bool { return b.session("state = 'idle in transaction'") > 0 }, patience, tick)
	stand(t, frozen)
	open() // it would go on now

	stop := b.start(b.zombie(tally{}))
	b.appendReadings(10, 20)
	require.Eventually(t, func() bool { return b.count("select count(*) from tally") == 20 }, patience, tick)
	require.NoError(t, frozen.Signal(syscall.SIGCONT))
	b.appendReadings(20, 30)
	b.caughtUp(look)
	stop()
	b.appendReadings(30, 40)
	b.caughtUp(look) // by the one that was frozen
	b.eachOnce(40)
}

// A process may freeze in a step of the generations too, or be stopped by Ctrl-Z at a command line: its session holds checkpoints and
// the lock of all steps. The server ends it; folds and operators go on.
func TestStepThatFreezesHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	e := b.engine(tally{})
	b.start(e)
	b.caughtUp(e)
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
		require.NoError(t, endSoon(b.ctx(), tx))
	}
	b.appendReadings(10, 20)
	b.caughtUp(e)
	b.eachOnce(20)
	require.Eventually(t, func() bool {
		_, err := b.rebuilds().Request(context.Background(), asked("tally"))
		return err == nil
	}, patience, tick)
}

// What bounds the sessions of folds at the server.
func TestTheServerEndsWhatFreezesInAFold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1))
	settings := map[string]string{}
	b.run(b.engine(faulty{tally{}, func(ctx context.Context, tx pgx.Tx, _ []fold.Event, next func() error) error {
		for _, name := range []string{"idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"} {
			var value string
			if err := tx.QueryRow(ctx, "select current_setting($1)", name).Scan(&value); err != nil {
				return err
			}
			settings[name] = value
		}
		return next()
	}}))
	require.Equal(t, map[string]string{
		"idle_in_transaction_session_timeout": "10s", "lock_timeout": "30s", "statement_timeout": "10min",
	}, settings)
}
