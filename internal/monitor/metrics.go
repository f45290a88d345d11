package monitor

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	lagEvents   = prometheus.NewDesc("ledgerboard_projection_lag_events", "End offset minus next offset.", []string{"projection", "partition"}, nil)
	lagSeconds  = prometheus.NewDesc("ledgerboard_projection_lag_seconds", "Time without progress of the slowest partition; 0 without lag.", []string{"projection"}, nil)
	parkedCount = prometheus.NewDesc("ledgerboard_projection_parked_events", "Parked events that require an operator.", []string{"projection"}, nil)
	staleCount  = prometheus.NewDesc("ledgerboard_projection_stale_total", "Records that lost a race, and duplicates, since the start.", []string{"projection"}, nil)
	degraded    = prometheus.NewDesc("ledgerboard_degraded", "Number of affected read models by kind of fault; 1 for faults that affect all.", []string{"reason"}, nil)
	differGauge = prometheus.NewDesc("ledgerboard_projection_tables_differ", "1 if the latest daily check found that tables differ from the log.", []string{"projection"}, nil)
	checkedAt   = prometheus.NewDesc("ledgerboard_projection_tables_checked_timestamp_seconds", "Time when the latest daily check ended; 0 before the first.", []string{"projection"}, nil)
	liveGauge   = prometheus.NewDesc("ledgerboard_projection_live", "1 if the read model can be read.", []string{"projection"}, nil)
)

// Describe implements [prometheus.Collector].
func (*Monitor) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagEvents, lagSeconds, parkedCount, staleCount, differGauge, checkedAt, liveGauge, degraded} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector]. It reports the latest known state.
func (m *Monitor) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	wrong := map[class]int{}
	for _, fault := range m.allFaults() {
		wrong[fault.Class]++
	}
	for _, class := range classes() {
		gauge(degraded, float64(wrong[class]), string(class))
	}
	for _, s := range m.Projections() {
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
		differ, checked := 0.0, 0.0
		if s.TablesChecked != nil {
			if checked = float64(s.TablesChecked.At.Unix()); !s.TablesChecked.Equal {
				differ = 1
			}
		}
		gauge(differGauge, differ, s.Projection)
		gauge(checkedAt, checked, s.Projection)
	}
}
