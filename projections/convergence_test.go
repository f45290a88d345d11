package projections_test

import (
	"context"
	"errors"
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
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// The result of a fold does not depend on batch cuts, crashes and races, and equals a bulk fold.
func TestConvergence(t *testing.T) {
	t.Parallel()
	topics := testTopics(t)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test")
	reference, interrupted, bulk := pgtest.New(t), pgtest.New(t), pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(every()).Draw(t, "projection")
		log := drawLog(t, codec, p)
		whole := folding{db: reference, topics: topics, projector: p}
		parts := folding{
			db: interrupted, topics: topics, projector: p,
			crashes: rapid.IntRange(0, 3).Draw(t, "crashes"), random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		}
		readers := []*reader{log.reader(rapid.Uint64().Draw(t, "cuts"))}
		if rapid.IntRange(0, 3).Draw(t, "zombie") == 0 {
			readers = append(readers, log.reader(rapid.Uint64().Draw(t, "cuts of the zombie")))
		}
		whole.empty(t)
		parts.empty(t)
		var folds errgroup.Group
		folds.Go(func() error { return whole.run(log.reader(0)) })
		folds.Go(func() error { return parts.run(readers...) })
		require.NoError(t, folds.Wait())
		requireSame(t, p, whole.state(t), parts.state(t))
		live := append(foldtest.Dump(t, reference, p.Tables...), parkedLines(t, reference, p)...)
		requireSame(t, p, live, foldInBulk(t, bulk, topics, p, log, refusedLike(t, reference, p)))
	})
}

func requireSame(t *rapid.T, p fold.Projector, want, got []string) {
	if !slices.Equal(want, got) { // rapid shows nothing if it cannot reproduce a failure that depends on timing
		fmt.Fprintf(os.Stderr, "convergence of %s:\nwant\n  %s\ngot\n  %s\n", p.Name, strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
	require.Equal(t, want, got)
}

// folding is one fold of a whole log.
type folding struct {
	db        *pgtest.DB
	topics    []eventlog.TopicSpec
	projector fold.Projector
	crashes   int // processes that end within a transaction

	mu     sync.Mutex
	random *rand.Rand
}

func (f *folding) state(t require.TestingT) []string {
	checkpoints := texts(t, f.db, `
		select format('checkpoint %s %s %s %s', partition, next_offset, event_time, state) from checkpoints
		where projection = $1 order by partition`, f.projector.Name)
	return append(checkpoints, state(t, f.db, f.projector)...)
}

// empty empties the tables of the generation of the previous log.
func (f *folding) empty(t require.TestingT) {
	f.db.Delete(t, append(f.projector.Tables, "parked")...)
	_, err := f.db.Pool.Exec(context.Background(), "update checkpoints set next_offset = 0, epoch = 0, event_time = null")
	require.NoError(t, err)
}

// run folds the log from empty tables to its end, with one engine per reader.
func (f *folding) run(readers ...*reader) error {
	for {
		if crashed, err := f.process(readers); err != nil || !crashed {
			return err
		}
	}
}

// process runs until the end of the log is folded or one engine crashes; then it stops all engines.
func (f *folding) process(readers []*reader) (crashed bool, err error) {
	ctx, crash := context.WithCancel(context.Background())
	var engines sync.WaitGroup
	defer engines.Wait()
	defer crash()
	var last *projections.Engine
	for _, r := range readers {
		last, err = projections.New(projections.Config{
			Projector: faulty{f.projector, f.write(crash)}.projector(), Log: r, DatabaseURL: f.db.URL, Pool: f.db.Pool, Topics: f.topics,
			Registry: domain.NewRegistry(), Logger: quiet,
		})
		if err != nil {
			return false, err
		}
		e := last
		engines.Go(func() { _ = e.Run(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-readers[len(readers)-1].atEnd:
		case <-time.After(patience):
			return false, errors.New("the end of the log was not reached")
		}
		if s, err := last.Status(context.Background()); err != nil || s.Live() && s.Lag == 0 {
			return false, err
		}
	}
}

// write refuses events with an id that ends in "!", and crashes at random before or after the rows.
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

func parkedLines(t require.TestingT, db *pgtest.DB, p fold.Projector) []string {
	return texts(t, db, `
		select format('%s/%s %s %s %s %s %s', partition, log_offset, stream_key, event_type, event_id, reason, state)
		from parked where projection = $1 order by partition, log_offset`, p.Name)
}

// foldInBulk fills empty tables in bulk and returns them with the parked events.
func foldInBulk(
	t require.TestingT, db *pgtest.DB, topics []eventlog.TopicSpec, p fold.Projector, log *memLog,
	refused func(fold.Event) *fold.ParkError,
) []string {
	ctx := context.Background()
	db.Delete(t, p.Tables...)
	var parked []string
	err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) (err error) {
		parked, err = projections.FoldInBulk(ctx, projections.Config{
			Projector: p, Log: log.reader(0), DatabaseURL: db.URL, Pool: db.Pool, Topics: topics, Registry: domain.NewRegistry(), Logger: quiet,
		}, log.ends(), tx, refused)
		return err
	})
	require.NoError(t, err)
	return append(foldtest.Dump(t, db, p.Tables...), parked...)
}

// refusedLike refuses the events that [folding.write] refused live; events that the fold itself
// refuses do not get this far.
func refusedLike(t require.TestingT, live *pgtest.DB, p fold.Projector) func(fold.Event) *fold.ParkError {
	type place struct {
		Partition int32
		Offset    int64
	}
	type parked struct {
		place
		Reason string
	}
	reasons := map[place]string{} // a record and its copy have the same id
	for _, p := range collect[parked](t, live, `select partition, log_offset, reason from parked where projection = $1`, p.Name) {
		reasons[p.place] = p.Reason
	}
	return func(ev fold.Event) *fold.ParkError {
		reason, parked := reasons[place{ev.Raw.Partition, ev.Raw.Offset}]
		if !strings.HasSuffix(ev.Envelope.ID, "!") || parked && reason != string(fold.ReasonWrite) {
			return nil
		}
		return &fold.ParkError{Reason: fold.ReasonWrite}
	}
}
