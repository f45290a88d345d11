package assembly

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// observe registers what the service shows of itself.
func (s *Service) observe() (err error) {
	connections := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_notice_connections", Help: "Open connections that listen for notices, Socket.IO and event streams.",
	}, func() float64 { return float64(s.streams.NoticeListeners()) })
	collectors := []prometheus.Collector{projectionCollector{s.Monitor}, connections, foreignCollector{s.Log}}
	if s.Fetcher != nil {
		collectors = append(collectors, silentCollector{s.Fetcher.Collect.Silent})
	}
	for _, c := range collectors {
		if err := s.registered.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	if s.forgetting, err = observeForgetting(s.registered, s.settings.Logger); err != nil {
		return err
	}
	s.topics, err = ObserveTopics(s.registered, s.settings.Logger)
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

// TopicsHealth is what checks of the topics found.
type TopicsHealth struct {
	gauge  prometheus.Gauge
	logger *slog.Logger

	mu    sync.Mutex
	found string // the findings of the last check
}

// ObserveTopics tells by a gauge what checks of the topics find.
func ObserveTopics(registry prometheus.Registerer, logger *slog.Logger) (*TopicsHealth, error) {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ledgerboard_topics_unsafe",
		Help: "1 while a topic's settings would let the log forget or split; 'ledgerboard log' says what to do.",
	})
	if err := registry.Register(gauge); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &TopicsHealth{gauge: gauge, logger: logger}, nil
}

// Checked notes the outcome of a check; findings are logged when they are new. Brokers that could not be asked have found
// nothing: what was known stays.
func (h *TopicsHealth) Checked(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		h.gauge.Set(0)
		h.found = ""
	case errors.Is(err, eventlog.ErrUnsafeTopic):
		h.gauge.Set(1)
		if h.found != err.Error() {
			h.logger.Error("the log could forget or split", "error", err)
		}
		h.found = err.Error()
	default:
		h.logger.Warn("the topics could not be looked at", "error", err)
	}
}

// Unsafe tells whether the last check found something.
func (h *TopicsHealth) Unsafe() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.found != ""
}
