package proof_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// million is a log of one partition whose records are generated as they are read, so that the memory
// measured is that of the reader. Agencies take turns.
type million struct {
	*memory // for operations

	agencies, records int
}

func (m *million) Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	if topic == domain.TopicDashboards {
		return []eventlog.PartitionRange{{End: int64(m.records)}}, m.topic, nil
	}
	return m.memory.Ranges(ctx, topic)
}

func (m *million) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	if cfg.Topic != domain.TopicDashboards {
		return m.memory.Scan(ctx, cfg)
	}
	const run = 500
	heads := make([][32]byte, m.agencies)
	for at := 0; at < m.records; at += run {
		list := make([]eventlog.Record, 0, run)
		for n := at; n < min(at+run, m.records); n++ {
			r := m.record(n, heads[n%m.agencies])
			heads[n%m.agencies] = eventlog.RecordHash(m.prev(n, heads[n%m.agencies]), r)
			if int64(n) >= cfg.From[0] && (cfg.Key == "" || cfg.Key == string(r.Key)) {
				list = append(list, r)
			}
		}
		if len(list) > 0 {
			if err := cfg.Handle(ctx, eventlog.Run{Records: list, Next: list[len(list)-1].Offset + 1}); err != nil {
				return err
			}
		}
	}
	return nil
}

func millionth(n int) string { return fmt.Sprintf("%024x", n+1) }

func (m *million) prev(n int, head [32]byte) [32]byte {
	if n < m.agencies {
		return eventlog.Genesis(domain.TopicDashboards, millionth(n%m.agencies))
	}
	return head
}

func (m *million) record(n int, head [32]byte) eventlog.Record {
	version := n/m.agencies + 1
	header := func(name, value string) eventlog.Header { return eventlog.Header{Key: name, Value: []byte(value)} }
	return eventlog.Record{
		Topic: domain.TopicDashboards, Offset: int64(n), Key: []byte(millionth(n % m.agencies)), Value: []byte("{}"),
		Headers: []eventlog.Header{
			header("ce_actor", "somebody"), header("ce_chainprev", fmt.Sprintf("%x", m.prev(n, head))),
			header("ce_chainversion", strconv.Itoa(version)), header("ce_id", strconv.Itoa(n)), header("ce_source", "/test"),
			header("ce_specversion", "1.0"), header("ce_time", noon.Add(time.Duration(version)*time.Second).Format(time.RFC3339)),
			header("ce_type", "dashboard.accounts_linked.v1"), header("content-type", "application/json"),
		},
	}
}

// peak returns the largest live heap while f runs, sampled often, beyond that before it.
func peak(f func()) float64 {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done, top := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			select {
			case <-done:
				top <- most
				return
			case <-time.After(20 * time.Millisecond):
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	}()
	f()
	close(done)
	return (float64(<-top) - float64(before.HeapAlloc)) / (1 << 20)
}

// BenchmarkVerifyMillionRecords measures verification, and the bundle of one agency, of a partition of a million records.
func BenchmarkVerifyMillionRecords(b *testing.B) {
	for _, agencies := range []int{1_000, 100_000} {
		b.Run(strconv.Itoa(agencies), func(b *testing.B) {
			w := newWorld(b)
			m := &million{memory: w.memory, agencies: agencies, records: 1_000_000}
			s := w.signer(b, func(c *proof.SignerConfig) { c.Source = m })
			w.sign(b, s)
			for b.Loop() {
				began := time.Now()
				verified := peak(func() {
					report, err := proof.Verify(b.Context(), proof.VerifyConfig{Source: m, Verifiers: w.verifiers})
					require.NoError(b, err)
					require.True(b, report.OK(), "%v", report.Findings)
				})
				verify := time.Since(began)
				began = time.Now()
				exported := peak(func() {
					_, err := proof.Export(b.Context(), proof.ExportConfig{Source: m, Parent: millionth(agencies / 2), Verifiers: w.verifiers}, io.Discard)
					require.NoError(b, err)
				})
				b.ReportMetric(verify.Seconds(), "s-verify")
				b.ReportMetric(verified, "MB-verify")
				b.ReportMetric(time.Since(began).Seconds(), "s-bundle")
				b.ReportMetric(exported, "MB-bundle")
			}
		})
	}
}

// BenchmarkTreeOfMillionAgencies measures the tree of a million agencies: at once, and after 10,000 changed.
func BenchmarkTreeOfMillionAgencies(b *testing.B) {
	for b.Loop() {
		heads := proof.NewHeads()
		changed := func(n, step int, version int64) float64 {
			for i := range n {
				heads.Set(i*step, version)
			}
			began := time.Now()
			heads.Root()
			return time.Since(began).Seconds()
		}
		b.ReportMetric(peak(func() { b.ReportMetric(changed(1_000_000, 1, 1), "s-first") }), "MB")
		b.ReportMetric(changed(10_000, 99, 2), "s-changed")
	}
}
