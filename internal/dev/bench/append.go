package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	appendEvents      = 100_000
	appendCallers     = 512 // as many connections are read at a time
	appendRound       = 50  // readings that one call appends: those of a connection's posts
	metricsPartitions = 24
)

// appends measures readings appended in rounds by many callers, each checked, encoded, acknowledged and
// fsynced, beside the same drafts appended as one stream. That stream in turn stands beside the same bytes,
// made before, from a bare client: what the broker takes when nobody checks or encodes on its cores.
func (b *bench) appends(ctx context.Context, print func(result) error) error {
	drafts := readings(appendEvents)
	var ours, stream, bare []float64
	for range b.rounds {
		log, _, stop, err := b.eventLog(ctx, metricsPartitions)
		if err != nil {
			return err
		}
		rate, err := inRounds(ctx, log, drafts)
		if err != nil {
			return err
		}
		ours = append(ours, rate)
		began := time.Now()
		if err := log.AppendBulk(ctx, drafts); err != nil {
			return fmt.Errorf("append as one stream: %w", err)
		}
		stream = append(stream, appendEvents/time.Since(began).Seconds())
		if rate, err = bareProduce(ctx, b.brokers, log.Codec(), drafts); err != nil {
			return err
		}
		bare = append(bare, rate)
		if err := stop(); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("append_readings_%d_bytes", recordSize(drafts[0]))
	if err := print(against(name, "events/s", median(ours), median(stream))); err != nil {
		return err
	}
	return print(against(name+"_one_stream", "events/s", median(stream), median(bare)))
}

// inRounds appends the drafts as fetchers do.
func inRounds(ctx context.Context, log *eventlog.Log, drafts []domain.Draft) (float64, error) {
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(appendCallers)
	began := time.Now()
	for round := range slices.Chunk(drafts, appendRound) {
		group.Go(func() error { return errors.Join(log.AppendBatch(running, round)...) })
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("append in rounds: %w", err)
	}
	return float64(len(drafts)) / time.Since(began).Seconds(), nil
}

// bareProduce sends the records of the drafts as fast as the broker takes them.
func bareProduce(ctx context.Context, brokers []string, codec eventlog.Codec, drafts []domain.Draft) (float64, error) {
	records := make([]*kgo.Record, len(drafts))
	for i, d := range drafts {
		r, err := codec.Encode(d)
		if err != nil {
			return 0, fmt.Errorf("encode: %w", err)
		}
		records[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return 0, fmt.Errorf("connect bare producer: %w", err)
	}
	defer client.Close()
	began := time.Now()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return 0, fmt.Errorf("produce: %w", err)
	}
	return float64(len(drafts)) / time.Since(began).Seconds(), nil
}
