package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	appendEvents      = 20_000
	appendCallers     = 512 // as many fetchers wait for their appends
	metricsPartitions = 24
)

// appends measures readings appended one by one by many callers through the lanes, each acknowledged
// and fsynced, beside the same records produced by kgo as fast as it can.
func (b *bench) appends(ctx context.Context, print func(result) error) error {
	drafts := readings(appendEvents)
	var ours, raw []float64
	for range b.rounds {
		log, _, stop, err := b.eventLog(ctx, metricsPartitions)
		if err != nil {
			return err
		}
		rate, err := throughLanes(ctx, log, drafts)
		if err != nil {
			return err
		}
		ours = append(ours, rate)
		began := time.Now()
		if err := log.AppendBulk(ctx, drafts); err != nil {
			return fmt.Errorf("produce: %w", err)
		}
		raw = append(raw, appendEvents/time.Since(began).Seconds())
		if err := stop(); err != nil {
			return err
		}
	}
	return print(against(fmt.Sprintf("append_readings_%d_bytes", recordSize(drafts[0])), "events/s", median(ours), median(raw)))
}

func throughLanes(ctx context.Context, log *eventlog.Log, drafts []domain.Draft) (float64, error) {
	lanes, err := log.NewLanes(eventlog.LaneConfig{Topic: domain.TopicMetrics})
	if err != nil {
		return 0, err
	}
	group, running := errgroup.WithContext(ctx)
	began := time.Now()
	for caller := range appendCallers {
		group.Go(func() error {
			for i := caller; i < len(drafts); i += appendCallers {
				if err := lanes.Append(running, drafts[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("append through lanes: %w", err)
	}
	took := time.Since(began)
	return float64(len(drafts)) / took.Seconds(), lanes.Close()
}
