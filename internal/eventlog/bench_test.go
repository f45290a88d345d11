package eventlog_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Latency from the call of Append until Handle has the record, one record at a time.
func BenchmarkAppendToHandle(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkLatency(b) })
	b.Run("fsync", func(b *testing.B) { benchmarkLatency(b, kfake.DataDir(b.TempDir()), kfake.SyncWrites()) })
}

func benchmarkLatency(b *testing.B, opts ...kfake.Opt) {
	b.Helper()
	_, l := embedded(b, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	handled, done := make(chan time.Time, 1), make(chan error, 1)
	go func() {
		cfg := eventlog.FollowConfig{Topic: domain.TopicMetrics, Group: "latency", MaxRecords: 5000, Positions: fromStart}
		done <- follow(ctx, l.Log, cfg, func(batch eventlog.Batch) error {
			if len(batch.Runs) > 0 {
				handled <- time.Now()
			}
			return nil
		})
	}()
	require.NoError(b, l.Append(ctx, postRead(1, 0)))
	<-handled
	pause := time.NewTicker(2 * time.Millisecond) // 500 events/s
	defer pause.Stop()
	took := make([]time.Duration, 0, b.N)
	for n := 0; b.Loop(); n++ {
		<-pause.C
		start := time.Now()
		require.NoError(b, l.Append(ctx, postRead(int64(n%200+1), n)))
		took = append(took, (<-handled).Sub(start))
	}
	cancel()
	require.ErrorIs(b, <-done, context.Canceled)
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// Rounds of 50 readings by 512 callers.
func BenchmarkAppendBatch(b *testing.B) {
	_, brokers := newCluster(b)
	l := setup(b, brokers, func(c *eventlog.Config) { c.Topics, c.TopicOverrides = deployedTopics(b), nil })
	b.SetParallelism(256) // × GOMAXPROCS
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			require.NoError(b, errors.Join(l.AppendBatch(context.Background(), readings(n.Add(1)%500+1, 0, 50))...))
		}
	})
	perSecond(b, 50*b.N)
}

func BenchmarkScanDecode(b *testing.B) {
	_, l := embedded(b)
	for account := range int64(500) {
		require.NoError(b, l.AppendBulk(context.Background(), readings(account+1, 0, 200)))
	}
	var n atomic.Int64
	for b.Loop() {
		require.NoError(b, l.Scan(context.Background(), eventlog.ScanConfig{
			Topic: domain.TopicMetrics,
			Handle: func(_ context.Context, run eventlog.Run) error {
				for _, r := range run.Records {
					if _, err := l.Decode(r); err != nil {
						return err
					}
				}
				n.Add(int64(len(run.Records)))
				return nil
			},
		}))
	}
	perSecond(b, int(n.Load()))
}

func BenchmarkDecode(b *testing.B) {
	codec := testCodec(b)
	r, err := codec.Encode(postRead(1, 1))
	require.NoError(b, err)
	for b.Loop() {
		if _, err := codec.Decode(r); err != nil {
			b.Fatal(err)
		}
	}
}

func perSecond(b *testing.B, events int) {
	b.Helper()
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
