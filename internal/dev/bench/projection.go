package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
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
	each, err := b.knownRows(ctx, log, int(partitions))
	if err != nil {
		return err
	}
	var ours, batched []float64
	for range b.rounds {
		pool, err := b.database(ctx, 2*partitions+4)
		if err != nil {
			return err
		}
		watched := &polled{Log: log, enough: projectionEvents, done: make(chan struct{})}
		engine, err := projections.New(projections.Config{
			Projector: projectors.PostInsights{}, Log: watched, DatabaseURL: pool.Config().ConnString(), Pool: pool, Topics: topics,
			Registry: domain.NewRegistry(), Logger: b.logger,
		})
		if err != nil {
			return err
		}
		took, err := catchUp(ctx, engine, watched)
		if err != nil {
			return err
		}
		ours = append(ours, projectionEvents/took.Seconds())
		rate, err := b.upsertRate(ctx, each)
		if err != nil {
			return err
		}
		batched = append(batched, rate)
		pool.Close()
	}
	name := fmt.Sprintf("project_post_readings_%dp", partitions)
	return print(against(name+"_vs_batched_upserts", "events/s", median(ours), median(batched)))
}

// catchUp runs the engine until it has folded all events, and returns how long that took from the first poll that brought
// some. Joining the group is not part of it: the limit joins nothing.
func catchUp(ctx context.Context, engine *projections.Engine, watched *polled) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	select {
	case err := <-done:
		return 0, fmt.Errorf("engine ended early: %w", err)
	case <-watched.done:
	}
	cancel()
	return watched.last.Sub(watched.first), <-done
}
