package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// chunksAhead is how many answers of the broker, 1 MiB each, are decoded ahead of the fold of a shard.
const chunksAhead = 4

// shard is a partition of the topic.
type shard struct {
	Partition   int32
	First, Last int64 // offsets, Last exclusive
	Done        bool
}

// copyShard folds a partition, or those whose rows belong together, in one transaction.
func (r *running) copyShard(ctx context.Context, pool *pgxpool.Pool, g generation, shards []shard, refused refusedAt) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		into := write.CopyInto{Tx: tx}
		bulk, err := r.beginBulk()
		if err != nil {
			return err
		}
		var folded []*shardFold
		err = r.folds.in(ctx, func() error {
			for _, s := range shards {
				if err := r.claim(ctx, tx, s.Partition); err != nil {
					return err
				}
				f := &shardFold{bulkFold: r.newBulkFold(s.Partition, bulk, refused), shard: s, at: s.First, copies: r.copies}
				if err := r.foldShard(ctx, g, f, into); err != nil {
					return err
				}
				folded = append(folded, f)
			}
			return nil
		})
		if err != nil {
			return err
		}
		var began time.Time
		err = r.copies.in(ctx, func() error {
			began = time.Now()
			return fold.HandOver(ctx, bulk, into, true)
		})
		if err != nil {
			return err
		}
		folding, copying := time.Duration(0), time.Since(began)
		for _, f := range folded {
			folding, copying = folding+f.folding, copying+f.copying
			if err := r.finishShard(ctx, tx, g, f); err != nil {
				return err
			}
		}
		r.logger.Info("a shard is copied", "rebuild", r.ID, "partition", shards[0].Partition,
			"fold", folding.Seconds(), "copy", copying.Seconds())
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy partition %d of %s: %w", shards[0].Partition, r.projector.Topic(), err)
	}
	return nil
}

// shardFold is the fold of a shard and how far it is.
type shardFold struct {
	*bulkFold
	shard   shard
	at      int64 // next offset
	since   int   // events since rows were handed over
	newest  *time.Time
	copies  stage         // in which rows are handed over
	handing chan error    // gets what came of the rows that are handed over now; nil: none are
	folding time.Duration // that events took
	copying time.Duration // that handing over took, beside the fold
}

// foldShard folds a shard, and hands over rows now and then while it goes on.
func (r *running) foldShard(ctx context.Context, g generation, f *shardFold, into write.CopyTarget) (err error) {
	defer func() { err = errors.Join(err, f.handed()) }()
	err = r.read(ctx, g, f.shard, func(reading context.Context, c *chunk) error {
		if err := f.handedYet(); err != nil {
			return err
		}
		began := time.Now()
		for i := range c.events {
			ev := &c.events[i]
			if ev.Err == nil && (f.newest == nil || ev.Envelope.Time.After(*f.newest)) {
				f.newest = &ev.Envelope.Time
			}
			if err := f.add(reading, *ev); err != nil {
				return err
			}
		}
		f.folding += time.Since(began)
		if f.since += len(c.events); f.since >= copyEvery {
			f.since = 0
			if err := f.handOn(ctx, into); err != nil {
				return err
			}
		}
		r.done.Add(c.next - f.at)
		f.at = c.next
		return r.yield(reading)
	})
	r.done.Add(f.shard.Last - f.at)
	return err
}

// handOn begins to hand over what is final, once what was final before is handed over: a transaction does one thing at a time.
func (f *shardFold) handOn(ctx context.Context, into write.CopyTarget) error {
	if err := f.handed(); err != nil {
		return err
	}
	began := time.Now()
	hand, err := f.fold.Take(false)
	if err != nil {
		return fmt.Errorf("take rows: %w", err)
	}
	f.folding += time.Since(began)
	f.handing = make(chan error, 1)
	go func() {
		f.handing <- f.copies.in(ctx, func() error {
			began := time.Now()
			defer func() { f.copying += time.Since(began) }() // read behind the channel
			return hand(ctx, into)
		})
	}()
	return nil
}

// handed waits until nothing is handed over any more.
func (f *shardFold) handed() error {
	if f.handing == nil {
		return nil
	}
	return f.endHanding(<-f.handing)
}

// handedYet is [shardFold.handed] that does not wait: nothing need be folded on once the database has refused rows.
func (f *shardFold) handedYet() error {
	select {
	case err := <-f.handing:
		return f.endHanding(err)
	default:
		return nil
	}
}

func (f *shardFold) endHanding(err error) error {
	f.handing = nil
	if err != nil {
		return fmt.Errorf("hand over rows: %w", err)
	}
	return nil
}

// finishShard writes what is parked, and the checkpoint.
func (r *running) finishShard(ctx context.Context, tx pgx.Tx, g generation, f *shardFold) error {
	s := newSession(r.work, g, "") // for how it parks; it is not run
	var rows []parkedRow
	var skipped []int64
	for _, row := range f.rows() {
		rows = append(rows, row.parkedRow)
		if row.skipped {
			skipped = append(skipped, row.Offset)
		}
	}
	if err := s.insertParked(ctx, tx, g.Number, rows); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update parked set state = 'skipped' where projection = $1 and generation = $2 and partition = $3 and log_offset = any($4)`,
		r.projector.Name(), g.Number, f.shard.Partition, skipped)
	if err != nil {
		return fmt.Errorf("mark skipped events: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		update checkpoints set next_offset = $4, event_time = $5, progressed_at = clock_timestamp(), topic_id = $6
		where projection = $1 and generation = $2 and partition = $3 and state = 'copying' and (topic_id is null or topic_id = $6)`,
		r.projector.Name(), g.Number, f.shard.Partition, f.shard.Last, f.newest, storedID(g.TopicID))
	if err != nil {
		return fmt.Errorf("set checkpoint: %w", err)
	}
	if tag.RowsAffected() == 0 {
		if err := otherTopic(ctx, tx, r.projector.Name(), g.Number, []step{{topic: g.TopicID, partition: f.shard.Partition}}); err != nil {
			return err
		}
		return errLeaseLost
	}
	return nil
}

// chunk is an answer of the broker.
type chunk struct {
	run    eventlog.Run
	next   int64
	events []fold.Event
	ready  chan struct{} // closed when events are there
}

// read hands the events of a shard on in their order; what lies ahead is decoded meanwhile.
func (r *running) read(ctx context.Context, g generation, s shard, each func(context.Context, *chunk) error) error {
	group, ctx := errgroup.WithContext(ctx)
	chunks := make(chan *chunk, chunksAhead)
	group.Go(func() error {
		defer close(chunks)
		return r.log.Scan(ctx, eventlog.ScanConfig{
			Topic: r.projector.Topic(), TopicID: g.TopicID, Parallel: 1,
			From: map[int32]int64{s.Partition: s.First}, To: map[int32]int64{s.Partition: s.Last},
			Handle: func(ctx context.Context, run eventlog.Run) error {
				c := &chunk{run: run, next: run.Next, ready: make(chan struct{})}
				select {
				case chunks <- c:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				group.Go(func() error {
					defer close(c.ready)
					c.events = r.eventsOf(c.run)
					c.run = eventlog.Run{}
					return nil
				})
				return nil
			},
		})
	})
	group.Go(func() error {
		for c := range chunks {
			select {
			case <-c.ready:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if err := each(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}
