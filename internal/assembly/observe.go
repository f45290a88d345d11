package assembly

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// observe registers what the service shows of itself.
func (s *Service) observe() (err error) {
	connections := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_notice_connections", Help: "Open connections that listen for notices, Socket.IO and event streams.",
	}, func() float64 { return float64(s.streams.NoticeListeners()) })
	for _, c := range []prometheus.Collector{projectionCollector{s.Monitor}, connections} {
		if err := s.registered.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	s.topicsChecked, err = ObserveTopics(s.registered, s.settings.Logger)
	return err
}

// projectionCollector shows what the monitor saw last.
type projectionCollector struct{ monitor *Monitor }

var (
	lagEvents   = prometheus.NewDesc("ledgerboard_projection_lag_events", "End offset minus next offset.", []string{"projection", "partition"}, nil)
	lagSeconds  = prometheus.NewDesc("ledgerboard_projection_lag_seconds", "Time without progress of the partition that waits longest; 0 without lag.", []string{"projection"}, nil)
	parkedCount = prometheus.NewDesc("ledgerboard_projection_parked_events", "Events that wait for an operator.", []string{"projection"}, nil)
	staleCount  = prometheus.NewDesc("ledgerboard_projection_stale_total", "Records that lost their race, and duplicates, since the start.", []string{"projection"}, nil)
	degraded    = prometheus.NewDesc("ledgerboard_degraded", "What is wrong, by its kind: how many read models suffer from it, 1 for what concerns all.", []string{"reason"}, nil)
	differGauge = prometheus.NewDesc("ledgerboard_projection_tables_differ", "1 when the latest daily check found tables that are not what the log says.", []string{"projection"}, nil)
	liveGauge   = prometheus.NewDesc("ledgerboard_projection_live", "1 when the read model may be read.", []string{"projection"}, nil)
)

// Describe implements [prometheus.Collector].
func (projectionCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagEvents, lagSeconds, parkedCount, staleCount, differGauge, liveGauge, degraded} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (c projectionCollector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	wrong := map[Class]int{}
	for _, fault := range c.monitor.Faults() {
		wrong[fault.Class]++
	}
	for _, class := range classes() {
		gauge(degraded, float64(wrong[class]), string(class))
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
		if s.TablesChecked != nil {
			differ := 1.0
			if s.TablesChecked.Equal {
				differ = 0
			}
			gauge(differGauge, differ, s.Projection)
		}
	}
}

// ObserveTopics tells what a check of the topics' settings found. Brokers that could not be asked have
// found nothing: the gauge stays.
func ObserveTopics(registry prometheus.Registerer, logger *slog.Logger) (func(error), error) {
	unsafe := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ledgerboard_topics_unsafe", Help: "1 while a topic's settings would let the log forget or split; the service's log says how to mend them.",
	})
	if err := registry.Register(unsafe); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return func(err error) {
		switch {
		case err == nil:
			unsafe.Set(0)
		case errors.Is(err, eventlog.ErrUnsafeTopic):
			unsafe.Set(1)
			logger.Error("the log could forget or split", "error", err)
		default:
			logger.Warn("the topics' settings could not be looked at", "error", err)
		}
	}, nil
}
