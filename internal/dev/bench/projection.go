package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
)

// projectionEvents is the number of readings of one round.
const projectionEvents = 60_000

// projection measures the live projection of post readings on so many partitions.
func (b *bench) projection(ctx context.Context, partitions int32, print func(result) error) error {
	log, topics, stop, err := b.eventLog(ctx, partitions)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	drafts := readings(projectionEvents)
	if err := log.AppendBulk(ctx, drafts); err != nil {
		return fmt.Errorf("fill the log: %w", err)
	}
	var ours, batched, naive []float64
	for range b.rounds {
		pool, err := b.database(ctx, 2*partitions+4)
		if err != nil {
			return err
		}
		engine, err := projections.New(projections.Config{
			Projector: projections.PostInsights{}, Log: log, DatabaseURL: pool.Config().ConnString(), Pool: pool, Topics: topics,
			Registry: domain.NewRegistry(), Logger: b.logger,
		})
		if err != nil {
			return err
		}
		took, err := catchUp(ctx, engine, pool)
		if err != nil {
			return err
		}
		ours = append(ours, projectionEvents/took.Seconds())
		rate, err := b.batchedUpserts(ctx, pool, int(partitions))
		if err != nil {
			return err
		}
		batched = append(batched, rate)
		if rate, err = b.naiveLoop(ctx, drafts, int(partitions)); err != nil {
			return err
		}
		naive = append(naive, rate)
		pool.Close()
	}
	name := fmt.Sprintf("project_post_readings_%dp", partitions)
	if err := print(against(name+"_vs_batched_upserts", "events/s", median(ours), median(batched))); err != nil {
		return err
	}
	return print(against(name+"_vs_transaction_per_event", "events/s", median(ours), median(naive)))
}

// catchUp runs the engine until its checkpoints have reached the end, and returns how long that took
// from the first folded record on.
func catchUp(ctx context.Context, engine *projections.Engine, pool *pgxpool.Pool) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- engine.Run(ctx) }()
	for {
		var folded int64
		if err := pool.QueryRow(ctx, `select coalesce(sum(next_offset), 0) from checkpoints`).Scan(&folded); err != nil {
			return 0, fmt.Errorf("read checkpoints: %w", err)
		}
		if folded >= projectionEvents {
			took := time.Since(began)
			cancel()
			return took, <-done
		}
		select {
		case err := <-done:
			return 0, fmt.Errorf("engine ended early: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
