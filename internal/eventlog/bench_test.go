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
	_, brokers := newCluster(b, opts...)
	l := setup(b, brokers)
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

func BenchmarkAppend(b *testing.B) {
	_, brokers := newCluster(b)
	l := setup(b, brokers)
	d := postRead(1, 1)
	for b.Loop() {
		require.NoError(b, l.Append(context.Background(), d))
	}
	perSecond(b, b.N)
}

func BenchmarkAppendBy64(b *testing.B) {
	_, brokers := newCluster(b)
	l := setup(b, brokers)
	b.SetParallelism(32) // × GOMAXPROCS
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			require.NoError(b, l.Append(context.Background(), postRead(n.Add(1)%500+1, 1)))
		}
	})
	perSecond(b, b.N)
}

// Rounds of 50 readings by 512 callers.
func BenchmarkAppendBatch(b *testing.B) {
	_, brokers := newCluster(b)
	l := setup(b, brokers, func(c *eventlog.Config) { c.Topics, c.TopicOverrides = deployedTopics(b), nil })
	b.SetParallelism(256) // × GOMAXPROCS
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		drafts := make([]domain.Draft, 0, 50)
		for pb.Next() {
			account := n.Add(1)%500 + 1
			drafts = drafts[:0]
			for i := range cap(drafts) {
				drafts = append(drafts, postRead(account, i))
			}
			require.NoError(b, errors.Join(l.AppendBatch(context.Background(), drafts)...))
		}
	})
	perSecond(b, 50*b.N)
}

const bulk = 20000

func filled(b *testing.B) *bench {
	b.Helper()
	_, brokers := newCluster(b)
	l := setup(b, brokers)
	drafts := make([]domain.Draft, 0, bulk)
	for n := range bulk {
		drafts = append(drafts, postRead(int64(n%500+1), n))
	}
	for range 5 {
		require.NoError(b, l.AppendBulk(context.Background(), drafts))
	}
	return l
}

func BenchmarkAppendBulk(b *testing.B) {
	_, brokers := newCluster(b)
	l := setup(b, brokers)
	drafts := make([]domain.Draft, 0, bulk)
	for n := range bulk {
		drafts = append(drafts, postRead(int64(n%500+1), n))
	}
	for b.Loop() {
		require.NoError(b, l.AppendBulk(context.Background(), drafts))
	}
	perSecond(b, b.N*bulk)
}

func BenchmarkScan(b *testing.B)       { benchmarkScan(b, false) }
func BenchmarkScanDecode(b *testing.B) { benchmarkScan(b, true) }

func benchmarkScan(b *testing.B, decode bool) {
	b.Helper()
	l := filled(b)
	var n atomic.Int64
	for b.Loop() {
		require.NoError(b, l.Scan(context.Background(), eventlog.ScanConfig{
			Topic: domain.TopicMetrics,
			Handle: func(_ context.Context, run eventlog.Run) error {
				n.Add(int64(len(run.Records)))
				if !decode {
					return nil
				}
				for _, r := range run.Records {
					if _, err := l.Decode(r); err != nil {
						return err
					}
				}
				return nil
			},
		}))
	}
	perSecond(b, int(n.Load()))
}

func BenchmarkFollow(b *testing.B) {
	l := filled(b)
	for b.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		cfg := eventlog.FollowConfig{Topic: domain.TopicMetrics, Group: "rate", MaxRecords: 5000, Positions: fromStart}
		require.ErrorIs(b, follow(ctx, l.Log, cfg, func(batch eventlog.Batch) error {
			for _, run := range batch.Runs {
				n += len(run.Records)
			}
			if n == 5*bulk {
				cancel()
			}
			return nil
		}), context.Canceled)
		cancel()
	}
	perSecond(b, b.N*5*bulk)
}

func BenchmarkJudge(b *testing.B) {
	records, heads := honest(b, 2)
	for b.Loop() {
		if v, _, _ := eventlog.Judge(heads[1], records[1], dashboardPartitions); v != eventlog.Effective {
			b.Fatal(v)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	codec, draft := testCodec(b), postRead(1, 1)
	for b.Loop() {
		if _, err := codec.Encode(draft); err != nil {
			b.Fatal(err)
		}
	}
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
