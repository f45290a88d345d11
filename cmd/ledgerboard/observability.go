package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func newMetricsRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// projectionCollector shows what the monitor saw last.
type projectionCollector struct{ monitor *monitor }

var (
	lagEvents   = prometheus.NewDesc("ledgerboard_projection_lag_events", "End offset minus next offset.", []string{"projection", "partition"}, nil)
	lagSeconds  = prometheus.NewDesc("ledgerboard_projection_lag_seconds", "Time without progress of the partition that waits longest; 0 without lag.", []string{"projection"}, nil)
	parkedCount = prometheus.NewDesc("ledgerboard_projection_parked_events", "Events that wait for an operator.", []string{"projection"}, nil)
	staleCount  = prometheus.NewDesc("ledgerboard_projection_stale_total", "Records that lost their race, and duplicates, since the start.", []string{"projection"}, nil)
	liveGauge   = prometheus.NewDesc("ledgerboard_projection_live", "1 when the read model may be read.", []string{"projection"}, nil)
)

// Describe implements [prometheus.Collector].
func (projectionCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagEvents, lagSeconds, parkedCount, staleCount, liveGauge} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (c projectionCollector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, s := range c.monitor.snapshot() {
		for _, p := range s.Partitions {
			gauge(lagEvents, float64(max(0, p.EndOffset-p.NextOffset)), s.Projection, strconv.Itoa(int(p.Partition)))
		}
		gauge(lagSeconds, s.LagSeconds, s.Projection)
		gauge(parkedCount, float64(s.Parked), s.Projection)
		metrics <- prometheus.MustNewConstMetric(staleCount, prometheus.CounterValue, float64(s.Stale), s.Projection)
		live := 0.0
		if s.Live() {
			live = 1
		}
		gauge(liveGauge, live, s.Projection)
	}
}

// observeCalls counts the calls to the platforms.
func observeCalls(registry prometheus.Registerer) func(platforms.CallStats) {
	calls := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "ledgerboard_platform_call_seconds", Help: "Duration of calls to the platforms.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
	}, []string{"platform", "op", "class"})
	registry.MustRegister(calls)
	return func(s platforms.CallStats) {
		class := "ok"
		if s.Class != "" {
			class = string(s.Class)
		}
		calls.WithLabelValues(s.Platform.String(), s.Op, class).Observe(s.Duration.Seconds())
	}
}
