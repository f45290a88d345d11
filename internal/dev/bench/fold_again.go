package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const foldAgainRecords = 100_000 // of one agency

// foldingAgain measures how long it takes to fold a stopped stream again from its start, next to a plain consumer of the
// same records, and how long the streams of its partition wait meanwhile, because their checkpoint is locked.
func (b *bench) foldingAgain(ctx context.Context, print func(result) error) error {
	log, topics, stop, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	chains := newChains(1, time.Now().UTC().Truncate(time.Second))
	if err := chains.append(ctx, log, foldAgainRecords); err != nil {
		return err
	}
	stream := chains.list[0].key
	pool, err := b.database(ctx, 8)
	if err != nil {
		return err
	}
	defer pool.Close()
	progress := pg.NewProgress()
	engine, err := b.engine(projectors.Dashboards, log, topics, pool, progress)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return engine.Run(running) })
	group.Go(func() error { progress.Listen(running, pool.Config().ConnString(), b.logger); return nil })
	if err := awaitLive(running, engine); err != nil {
		return err
	}
	var took, locked, consumed []float64
	for range b.rounds {
		whole, lock, err := foldAgain(running, engine, pool, stream)
		if err != nil {
			return err
		}
		took, locked = append(took, whole.Seconds()), append(locked, lock.Seconds())
		rate, err := consume(ctx, b.brokers, foldAgainRecords)
		if err != nil {
			return err
		}
		consumed = append(consumed, foldAgainRecords/rate)
	}
	cancel()
	if err := group.Wait(); err != nil {
		return err
	}
	name := fmt.Sprintf("fold_again_%d_records", foldAgainRecords)
	return errors.Join(
		print(against(name+"_vs_raw_consume", "s", median(took), median(consumed))),
		print(result{Name: name + "_partition_locked", Value: round(median(locked)), Unit: "s"}),
	)
}

// foldAgain stops a stream at its last version, as commands that are refused leave it. It returns how long it takes until the stream is folded again, and how
// long the checkpoint of its partition is locked at most.
func foldAgain(
	ctx context.Context, engine *projections.Engine, pool *pgxpool.Pool, stream string,
) (whole, locked time.Duration, err error) {
	if _, err := pool.Exec(ctx, "update streams set stopped_at = version where stream_key = $1", stream); err != nil {
		return 0, 0, fmt.Errorf("stop the stream: %w", err)
	}
	done := make(chan struct{})
	var watching errgroup.Group
	watching.Go(func() (err error) {
		locked, err = longestLock(ctx, pool, stream, done)
		return err
	})
	began := time.Now()
	err = engine.FoldAgain(ctx, stream)
	for domain.CodeOf(err) == domain.CodeUnavailable { // not yet
		err = engine.AwaitFoldedAgain(ctx, stream)
	}
	whole = time.Since(began)
	close(done)
	if err = errors.Join(err, watching.Wait()); err != nil {
		return 0, 0, err
	}
	complete, err := pg.QueryBool(ctx, pool, "look at the stream", `
		select stopped_at is null and (select max(version) = s.version from dashboard_history where parent_account = stream_key)
		from streams s where stream_key = $1`, stream)
	if err == nil && !complete {
		err = fmt.Errorf("stream %s is not folded again to its end", stream)
	}
	return whole, locked, err
}

// longestLock tries to lock the checkpoint of a stream's partition until done is closed, and returns the longest time in
// which it could not.
func longestLock(ctx context.Context, pool *pgxpool.Pool, stream string, done <-chan struct{}) (longest time.Duration, err error) {
	free := time.Now()
	for {
		tag, err := pool.Exec(ctx, `
			select from checkpoints c join streams s using (projection, generation, partition)
			where s.stream_key = $1 for update of c skip locked`, stream)
		if err != nil {
			return 0, fmt.Errorf("try to lock the checkpoint: %w", err)
		}
		if tag.RowsAffected() > 0 {
			longest, free = max(longest, time.Since(free)), time.Now()
		}
		select {
		case <-done:
			return max(longest, time.Since(free)), nil
		case <-time.After(time.Millisecond):
		}
	}
}
