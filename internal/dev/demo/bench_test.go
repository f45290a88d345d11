package demo_test

import "testing"

// BenchmarkDrafts is the part of the demo's start that is spent here.
func BenchmarkDrafts(b *testing.B) {
	for b.Loop() {
		n := 0
		w := world()
		for range w.Drafts() {
			n++
		}
		b.ReportMetric(float64(n), "drafts")
	}
}
