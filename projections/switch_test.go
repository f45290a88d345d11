package projections_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

func fmtSQL(sql string, args ...any) string { return fmt.Sprintf(sql, args...) }

func (b *bench) state(projection string, number int) (state string) {
	b.t.Helper()
	const sql = "select state from generations where projection = $1 and generation = $2"
	require.NoError(b.t, b.db.Pool.QueryRow(b.ctx(), sql, projection, number).Scan(&state))
	return state
}

// The generation that was superseded retires when nobody reads it, and is found again by its number: it catches up, and
// readers are switched to it.
func TestRetireAndSwitchBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	e := b.engine(bulkTally{}, retiredWithin(time.Millisecond))
	b.start(e)
	b.caughtUp(e)
	_, err := b.switchBack(asked("tally"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "there is none yet")
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	require.Equal(t, 100, b.count("select count(*) from lb_tally_g1_retired.tally"))
	b.appendReadings(100, 150)
	b.caughtUp(e)
	require.Equal(t, 100, b.count("select count(*) from lb_tally_g1_retired.tally"), "it is not followed")

	back, err := b.switchBack(asked("tally"))
	require.NoError(t, err)
	require.Equal(t, 1, b.ends(back.ID, operator.RebuildDone).Generation)
	require.Equal(t, 1, b.pointedAt("tally"))
	require.Equal(t, 150, b.count("select count(*) from lb_tally_g1.tally"))
	require.Equal(t, 150, b.count("select count(*) from lb.tally"))
	require.Eventually(t, func() bool { return b.state("tally", 2) == "retired" }, patience, tick)

	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" && b.state("tally", 2) == "dropped" }, patience, tick,
		"of the retired ones the newest is kept")
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname like 'lb_tally_g2%'"))
}

// A reader in a long transaction over the switch reads what it read; the generation is not retired before its end.
func TestLongTransactionOverTheSwitch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	p := bulkTally{}
	e := b.engine(p, retiredWithin(time.Millisecond))
	b.start(e)
	b.caughtUp(e)
	readers := b.readers(p)
	tx, err := readers.BeginTx(b.ctx(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	counted := func() (n int) {
		require.NoError(t, tx.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n))
		return n
	}
	require.Equal(t, 100, counted())
	require.Eventually(t, func() bool { return b.count("select count(*) from processes where 'tally.g1' = any(reads)") == 1 }, patience, tick)
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return slices.Equal(readers.Reads(), []string{"tally.g1", "tally.g2"}) }, patience, tick)
	b.appendReadings(100, 110)
	b.caughtUp(e)
	// It has had its grace three beats ago, and each engine looks once a second.
	require.Eventually(t, func() bool {
		return b.count(`select count(*) from generations, processes
			where superseded_at < seen_at - interval '3 seconds' and reads = '{tally.g1,tally.g2}'`) == 1
	}, patience, tick)
	require.Equal(t, "live", b.state("tally", 1))
	require.Equal(t, 100, counted())
	err = b.dropGeneration("tally", 1, nil)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.NoError(t, tx.Commit(b.ctx()))
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	var n int
	require.NoError(t, readers.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n))
	require.Equal(t, 110, n)
}

// Generations tells who is what; a drop is refused while readers use it.
func TestDropGeneration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	e := b.engine(bulkTally{}, retiredWithin(time.Millisecond))
	b.start(e)
	b.caughtUp(e)
	drop := func(number int) error {
		return b.dropGeneration("tally", number, func(_ context.Context, group string) error {
			require.Equal(t, fmt.Sprintf("tally.g%d.%s", number, b.databaseID()), group)
			return nil
		})
	}
	require.Equal(t, domain.CodeConflict, domain.CodeOf(drop(1)))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(drop(1<<53-1)), "a number that no generation can have")
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	list, err := projections.Generations(b.ctx(), b.db.Pool)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []bool{false, true}, []bool{list[0].Pointer, list[1].Pointer})
	require.Positive(t, list[0].Bytes)
	require.Positive(t, list[1].Bytes)
	require.NoError(t, drop(1))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(drop(1)))
	b.eachOnce(10)
}
