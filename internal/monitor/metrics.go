package monitor

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	lagEvents   = prometheus.NewDesc("ledgerboard_projection_lag_events", "End offset minus next offset.", []string{"projection", "partition"}, nil)
	lagSeconds  = prometheus.NewDesc("ledgerboard_projection_lag_seconds", "Time without progress of the partition that waits longest; 0 without lag.", []string{"projection"}, nil)
	parkedCount = prometheus.NewDesc("ledgerboard_projection_parked_events", "Events that wait for an operator.", []string{"projection"}, nil)
	staleCount  = prometheus.NewDesc("ledgerboard_projection_stale_total", "Records that lost their race, and duplicates, since the start.", []string{"projection"}, nil)
	degraded    = prometheus.NewDesc("ledgerboard_degraded", "What is wrong, by its kind: how many read models suffer from it, 1 for what concerns all.", []string{"reason"}, nil)
	differGauge = prometheus.NewDesc("ledgerboard_projection_tables_differ", "1 when the latest daily check found tables that are not what the log says.", []string{"projection"}, nil)
	checkedAt   = prometheus.NewDesc("ledgerboard_projection_tables_checked_timestamp_seconds", "When the latest daily check ended; 0 before the first.", []string{"projection"}, nil)
	liveGauge   = prometheus.NewDesc("ledgerboard_projection_live", "1 when the read model may be read.", []string{"projection"}, nil)
)

// Describe implements [prometheus.Collector].
func (*Monitor) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagEvents, lagSeconds, parkedCount, staleCount, differGauge, checkedAt, liveGauge, degraded} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector]: it shows what was seen last.
func (m *Monitor) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	wrong := map[class]int{}
	for _, fault := range m.known() {
		wrong[fault.Class]++
	}
	for _, class := range classes() {
		gauge(degraded, float64(wrong[class]), string(class))
	}
	for _, s := range m.Seen() {
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
