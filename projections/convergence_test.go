package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Whatever a topic holds, and however its fold is cut, interrupted, crashed and raced by a second
// process: the tables, the parked set and the checkpoints are those of one uninterrupted fold.
func TestConvergence(t *testing.T) {
	t.Parallel()
	topics := testTopics(t)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test")
	reference, interrupted := pgtest.New(t), pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(every()).Draw(t, "projection")
		log := drawLog(t, codec, p)
		whole := folding{db: reference, topics: topics, projector: p}
		whole.run(t, &reader{memLog: log})
		parts := folding{
			db: interrupted, topics: topics, projector: p,
			crashes: rapid.IntRange(0, 3).Draw(t, "crashes"), random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		}
		readers := []*reader{log.reader(rapid.Uint64().Draw(t, "cuts"))}
		if rapid.IntRange(0, 3).Draw(t, "zombie") == 0 {
			readers = append(readers, log.reader(rapid.Uint64().Draw(t, "cuts of the zombie")))
		}
		parts.run(t, readers...)
		want, got := whole.state(t), parts.state(t)
		if !slices.Equal(want, got) { // rapid shows nothing when it cannot reproduce what timing decided
			t.Logf("want %q\ngot %q", want, got)
			fmt.Fprintf(os.Stderr, "convergence of %s:\nwant\n  %s\ngot\n  %s\n", p.Name(), strings.Join(want, "\n  "), strings.Join(got, "\n  "))
		}
		require.Equal(t, want, got)
	})
}

// folding is one fold of a whole log.
type folding struct {
	db        *pgtest.DB
	topics    []eventlog.TopicSpec
	projector fold.Projector
	crashes   int // processes that end in the middle of a transaction

	mu     sync.Mutex
	random *rand.Rand
}

func (f *folding) state(t require.TestingT) []string {
	rows, err := f.db.Pool.Query(context.Background(), `
		select format('checkpoint %s %s %s %s', partition, next_offset, event_time, state) from checkpoints
		where projection = $1 order by partition`, f.projector.Name())
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return append(list, state(t, f.db, f.projector)...)
}

// run folds the log with one engine for each reader, from empty tables to its end.
func (f *folding) run(t require.TestingT, readers ...*reader) {
	f.db.Delete(t, append(f.projector.Tables(), "parked")...)
	// The generation of the log before.
	_, err := f.db.Pool.Exec(context.Background(), "update checkpoints set next_offset = 0, epoch = 0, event_time = null")
	require.NoError(t, err)
	for crashed := true; crashed; {
		crashed = f.process(t, readers)
	}
}

// process runs until the end of the log is folded or one engine crashes; then all are gone.
func (f *folding) process(t require.TestingT, readers []*reader) (crashed bool) {
	ctx, crash := context.WithCancel(context.Background())
	defer crash()
	var engines sync.WaitGroup
	var last *projections.Engine
	for _, r := range readers {
		e, err := projections.New(projections.Config{
			Projector: faulty{f.projector, f.write(crash)}, Log: r, DatabaseURL: f.db.URL, Pool: f.db.Pool, Topics: f.topics,
			Registry: domain.NewRegistry(), Logger: quiet,
		})
		require.NoError(t, err)
		engines.Go(func() { _ = e.Run(ctx) })
		last = e
	}
	deadline := time.Now().Add(patience)
	for ctx.Err() == nil {
		s, err := last.Status(context.Background())
		require.NoError(t, err)
		if s.Live() && s.Lag == 0 {
			break
		}
		require.True(t, time.Now().Before(deadline), "it does not come to an end: %+v", s)
		select { // what folds has the processors
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	crashed = ctx.Err() != nil
	crash()
	engines.Wait()
	return crashed
}

// write refuses events whose id ends in "!", as a database refuses a value, and crashes at random
// before or after the rows of a batch.
func (f *folding) write(crash func()) func(context.Context, pgx.Tx, []fold.Event, func() error) error {
	return func(ctx context.Context, tx pgx.Tx, events []fold.Event, next func() error) error {
		for _, ev := range events {
			if strings.HasSuffix(ev.Envelope.ID, "!") {
				_, err := tx.Exec(ctx, "select 1/0")
				return err
			}
		}
		before, after := f.draw(), f.draw()
		if before {
			crash()
			return context.Canceled
		}
		if err := next(); err != nil {
			return err
		}
		if after {
			crash()
			return context.Canceled
		}
		return nil
	}
}

func (f *folding) draw() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashes == 0 || f.random.IntN(6) > 0 {
		return false
	}
	f.crashes--
	return true
}
