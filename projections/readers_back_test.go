package projections_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Readers are hammered while records come and the tables under them are exchanged again and again: what one statement has shown,
// no later one lacks, and none fails.
func TestReadersNeverGoBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 200)
	e := b.engine(bulkTally{}, retiredWithin(time.Millisecond))
	b.start(e)
	b.caughtUp(e)
	readers, err := projections.OpenReaders(b.ctx(), projections.ReadersConfig{
		DatabaseURL: b.db.URL, Pool: b.db.Pool, Projectors: []projections.Projector{bulkTally{}}, MaxConns: 4, Logger: quiet,
	})
	require.NoError(t, err)
	defer readers.Close()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		for n := 200; ctx.Err() == nil; n += 5 {
			b.appendReadings(n, n+5)
		}
	})
	var seen, statements atomic.Int64
	lost := make(chan [2]int64, 100)
	hammer := func(read func() (int64, error)) {
		for ctx.Err() == nil {
			before := seen.Load()
			n, err := read()
			if err != nil {
				n = -1
			}
			if n < before && len(lost) < cap(lost) {
				lost <- [2]int64{before, n}
			}
			for now := seen.Load(); n > now && !seen.CompareAndSwap(now, n); now = seen.Load() {
			}
			statements.Add(1)
		}
	}
	const sql = "select count(*) from tally"
	for range 2 {
		running.Go(func() {
			hammer(func() (n int64, err error) { return n, readers.QueryRow(context.Background(), sql).Scan(&n) })
		})
		running.Go(func() {
			hammer(func() (n int64, err error) {
				return n, pg.Snapshot(context.Background(), readers, func(tx pgx.Tx) error { return tx.QueryRow(context.Background(), sql).Scan(&n) })
			})
		})
	}
	for generation := 2; generation <= 5; generation++ {
		b.ends(b.request("tally").ID, operator.RebuildDone)
		name := fmt.Sprintf("tally.g%d", generation)
		// The tables that are read next stand still for a moment, while the ones that are read go on.
		b.exec(`update checkpoints set hold_at = next_offset, hold_until = clock_timestamp() + interval '700 milliseconds'
			where projection = 'tally' and generation = $1`, generation)
		shown := seen.Load()
		require.Eventually(t, func() bool { return seen.Load() > shown+5 }, patience, tick)
		require.NoError(t, readers.Refresh(b.ctx()))
		require.Equal(t, []string{name}, readers.Current())
		from := statements.Load()
		require.Eventually(t, func() bool { return statements.Load() > from+20 }, patience, tick)
	}
	stop()
	running.Wait()
	require.Empty(t, lost, "seen before, seen then (-1: it failed)")
}

// Who reads is seen before it reads, also without a process that says so: what it reads stays until it reads something else.
func TestReadersAreSeenBeforeTheyRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	e := b.engine(bulkTally{}, retiredWithin(time.Millisecond))
	b.start(e)
	b.caughtUp(e)
	readers, err := projections.OpenReaders(b.ctx(), projections.ReadersConfig{
		DatabaseURL: b.db.URL, Pool: b.db.Pool, Projectors: []projections.Projector{bulkTally{}}, MaxConns: 2, Logger: quiet,
	})
	require.NoError(t, err)
	readBy := func(name string) int { return b.count("select count(*) from processes where $1 = any(reads)", name) }
	require.Equal(t, 1, readBy("tally.g1"))
	b.ends(b.request("tally").ID, operator.RebuildDone)
	refused := projections.DropGeneration(b.ctx(), b.db.Pool, "tally", 1, nil)
	requireCode(t, domain.CodeConflict, refused)
	require.ErrorContains(t, refused, "it is used by")
	var n int
	require.NoError(t, readers.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n))
	require.Equal(t, 50, n)
	require.Equal(t, "live", b.state("tally", 1))

	require.NoError(t, readers.Refresh(b.ctx()))
	require.Equal(t, 1, readBy("tally.g2"), "at once, not with the next beat")
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	readers.Close()
	require.Zero(t, b.count("select count(*) from processes"))
}
