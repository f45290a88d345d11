package proof_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// large is a log of so many rounds of three agencies, with no checkpoint.
func large(b *testing.B, rounds int) *world {
	b.Helper()
	w := newWorld(b)
	for range rounds {
		for _, a := range agencies {
			w.change(b, a)
		}
	}
	return w
}

func perRecord(b *testing.B, n int, f func()) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkVerifyInMemory(b *testing.B) {
	w := large(b, 5000)
	w.now = w.at(agencies[0])
	w.sign(b, w.signer(b))
	perRecord(b, 15000, func() { require.True(b, w.verify(b, w.memory).OK()) })
}

func BenchmarkJudgeAlone(b *testing.B) {
	w := large(b, 2000)
	perRecord(b, 6000, func() {
		heads := map[string]domain.StreamHead{}
		for _, part := range w.topics[domain.TopicDashboards] {
			for _, r := range part {
				_, heads[string(r.Key)], _ = eventlog.Judge(heads[string(r.Key)], r, testPartitions)
			}
		}
	})
}

func BenchmarkReplayInMemory(b *testing.B) {
	w := large(b, 5000)
	perRecord(b, 5000, func() {
		_, err := proof.Replay(b.Context(), w, proof.ReplayConfig{Parent: agencies[0], Yield: func(proof.Change) error { return nil }})
		require.NoError(b, err)
	})
}
