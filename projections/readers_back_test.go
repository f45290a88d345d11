package projections_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// shown is what statements have shown while the tables under them are exchanged, and whether a later one lacked some of it.
type shown struct {
	mu         sync.Mutex
	rows       int64
	statements int
	exchange   int // odd while one is under way
	allowed    int // the last one that may have gone back
	lost       []string
	failed     []error
}

// hammer reads again and again. A statement that was under way in an exchange and took long may have read the tables of before when others
// had read those of after: no later one is held to what it has shown.
func (s *shown) hammer(ctx context.Context, read func() (int64, error)) {
	for ctx.Err() == nil {
		s.mu.Lock()
		before, exchange := s.rows, s.exchange
		s.mu.Unlock()
		began := time.Now()
		rows, err := read()
		took := time.Since(began)
		s.mu.Lock()
		s.statements++
		switch {
		case err != nil:
			s.failed = append(s.failed, err)
		case exchange <= s.allowed:
		case rows < before:
			if len(s.lost) < 10 { // some say enough
				s.lost = append(s.lost, fmt.Sprintf("%d rows were seen before, %d are seen then", before, rows))
			}
		case took < projections.DrainWithin, exchange%2 == 0 && exchange == s.exchange:
			s.rows = max(s.rows, rows)
		}
		s.mu.Unlock()
	}
}

// now are the rows that were seen, and how many statements there were.
func (s *shown) now() (rows int64, statements int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows, s.statements
}

// exchanged carries out an exchange of the tables, and tells whether it was as short as one must be that does not go back.
func (s *shown) exchanged(do func()) bool {
	s.mu.Lock()
	s.exchange++
	s.mu.Unlock()
	began := time.Now()
	do()
	short := time.Since(began) < projections.PassWithin
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchange++
	if !short { // to read late is worse than to read early
		s.allowed, s.rows, s.lost = s.exchange-1, 0, nil
	}
	return short
}

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
		DatabaseURL: b.db.URL, Pool: b.db.Pool, Projectors: []fold.Projector{bulkTally{}}, MaxConns: 4, Logger: quiet,
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
	s := &shown{allowed: -1}
	const sql = "select count(*) from tally"
	for range 2 {
		running.Go(func() {
			s.hammer(ctx, func() (rows int64, err error) {
				err = readers.QueryRow(context.Background(), sql).Scan(&rows)
				return rows, err
			})
		})
		running.Go(func() {
			s.hammer(ctx, func() (rows int64, err error) {
				err = pg.Snapshot(context.Background(), readers, func(tx pgx.Tx) error {
					return tx.QueryRow(context.Background(), sql).Scan(&rows)
				})
				return rows, err
			})
		})
	}
	for generation, exchanges := 2, 0; exchanges < 4; generation++ {
		require.Less(t, generation, 20, "the machine stands still again and again")
		b.ends(b.request("tally").ID, operator.RebuildDone)
		name := fmt.Sprintf("tally.g%d", generation)
		// The tables that are read next stand still for a moment, while the ones that are read go on.
		holds, err := b.db.Pool.Begin(b.ctx())
		require.NoError(t, err)
		_, err = holds.Exec(b.ctx(), "select from checkpoints where projection = 'tally' and generation = $1 for update", generation)
		require.NoError(t, err)
		time.AfterFunc(700*time.Millisecond, func() { _ = holds.Rollback(context.Background()) })
		held, _ := s.now()
		require.Eventually(t, func() bool { rows, _ := s.now(); return rows > held+5 }, patience, tick)
		if s.exchanged(func() { require.NoError(t, readers.Refresh(b.ctx())) }) {
			exchanges++
		}
		require.Equal(t, []string{name}, readers.Current())
		_, from := s.now()
		require.Eventually(t, func() bool { _, statements := s.now(); return statements > from+20 }, patience, tick)
	}
	stop()
	running.Wait()
	require.Empty(t, s.failed)
	require.Empty(t, s.lost)
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
		DatabaseURL: b.db.URL, Pool: b.db.Pool, Projectors: []fold.Projector{bulkTally{}}, MaxConns: 2, Logger: quiet,
	})
	require.NoError(t, err)
	readBy := func(name string) int { return b.count("select count(*) from processes where $1 = any(reads)", name) }
	require.Equal(t, 1, readBy("tally.g1"))
	b.ends(b.request("tally").ID, operator.RebuildDone)
	refused := b.dropGeneration("tally", 1, nil)
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
