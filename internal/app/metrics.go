package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func observe(s *Service) (err error) {
	connections := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_notice_connections", Help: "Open connections for notices (Socket.IO and event streams).",
	}, func() float64 { return float64(s.streams.NoticeListeners()) })
	collectors := []prometheus.Collector{
		s.Monitor, connections, backupAge(vault.Backups{Pool: s.KeptPool}, s.config.Logger),
	}
	if s.Fetcher != nil {
		collectors = append(collectors, readingAges(s.Fetcher.states.ReadingAges, s.config.Logger))
	}
	if s.versions != nil {
		collectors = append(collectors, versionGauges{s})
	}
	for _, c := range collectors {
		if err := s.registered.Register(c); err != nil {
			return err
		}
	}
	s.topicsHealth, err = observeTopics(s.registered, s.config.Logger)
	return err
}

type topicsHealth struct {
	gauge  prometheus.Gauge
	logger *slog.Logger

	mu    sync.Mutex
	found string // findings of the last check
}

func observeTopics(registry prometheus.Registerer, logger *slog.Logger) (*topicsHealth, error) {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ledgerboard_topics_unsafe",
		Help: "1 while a topic has lost records, or has settings that could lose or split the log; 'ledgerboard log' shows " +
			"what to do.",
	})
	return &topicsHealth{gauge: gauge, logger: logger}, registry.Register(gauge)
}

// Checked records the result of a check. If no broker could be reached, it keeps the previous
// result.
func (t *topicsHealth) Checked(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.gauge.Set(0)
		t.found = ""
	case errors.Is(err, eventlog.ErrUnsafeTopic):
		t.gauge.Set(1)
		if t.found != err.Error() {
			t.logger.Error("a topic has lost records, or its settings could lose or split the log", "error", err)
		}
		t.found = err.Error()
	default:
		t.logger.Warn("cannot check the topic settings", "error", err)
	}
}

func (t *topicsHealth) Unsafe() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.found != ""
}

// registrations remembers the registered collectors, so that Close can unregister them.
type registrations struct {
	prometheus.Registerer

	mu         sync.Mutex
	collectors []prometheus.Collector
}

func (r *registrations) Register(c prometheus.Collector) error {
	if err := r.Registerer.Register(c); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collectors = append(r.collectors, c)
	return nil
}

func (r *registrations) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (r *registrations) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.collectors {
		r.Unregister(c)
	}
	r.collectors = nil
	return nil
}

func observeCalls(registry prometheus.Registerer) func(platforms.CallStats) {
	calls := promauto.With(registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "ledgerboard_platform_call_seconds", Help: "Duration of platform calls.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
	}, []string{"platform", "op", "reason"})
	return func(s platforms.CallStats) {
		calls.WithLabelValues(s.Platform.String(), s.Op, cmp.Or(string(s.Reason), "ok")).Observe(s.Duration.Seconds())
	}
}

// ageGauge exports an age that is read from the database, no matter which process stored it.
type ageGauge struct {
	desc   *prometheus.Desc
	logger *slog.Logger
	read   func(ctx context.Context, export func(age time.Duration, labels ...string)) error
}

func (a ageGauge) Describe(descs chan<- *prometheus.Desc) { descs <- a.desc }

func (a ageGauge) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	err := a.read(ctx, func(age time.Duration, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, age.Seconds(), labels...)
	})
	if err != nil {
		a.logger.Warn("cannot read an age", "metric", a.desc.String(), "error", err)
	}
}

func readingAges(
	ages func(context.Context) (map[domain.FetchQueue]time.Duration, error), logger *slog.Logger,
) ageGauge {
	desc := prometheus.NewDesc("ledgerboard_fetch_newest_reading_age_seconds",
		"Age of the newest successful reading, for platforms with requests within the last two days.",
		[]string{"kind", "platform"}, nil)
	return ageGauge{desc, logger, func(ctx context.Context, export func(time.Duration, ...string)) error {
		found, err := ages(ctx)
		for queue, age := range found {
			export(age, queue.Kind, queue.Platform.String())
		}
		return err
	}}
}

func backupAge(backups vault.Backups, logger *slog.Logger) ageGauge {
	desc := prometheus.NewDesc("ledgerboard_backup_age_seconds",
		"Time since `ledgerboard backup` last succeeded.", nil, nil)
	return ageGauge{desc, logger, func(ctx context.Context, export func(time.Duration, ...string)) error {
		at, found, err := backups.Newest(ctx)
		if found {
			export(time.Since(at))
		}
		return err
	}}
}

const secondsADay = 24 * 60 * 60

// versionGauges exports the versions of the platforms' APIs that are in use.
type versionGauges struct{ s *Service }

var (
	versionLeft = prometheus.NewDesc("ledgerboard_platform_version_left_seconds",
		"Time until the configured version of a platform's API is expected to end, negative after that. Absent if the end is "+
			"not known, and for platforms that were not read within two days.", []string{"api", "version"}, nil)
	versionReplaced = prometheus.NewDesc("ledgerboard_platform_version_replaced",
		"1 while a platform answers this process with another version of its API than the requested one.",
		[]string{"api", "version", "served"}, nil)
)

func (versionGauges) Describe(descs chan<- *prometheus.Desc) {
	descs <- versionLeft
	descs <- versionReplaced
}

func (v versionGauges) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	used, err := v.s.usedVersions(ctx)
	if err != nil {
		v.s.config.Logger.Warn("cannot read which platforms are read", "error", err)
	}
	for _, version := range used {
		if days, known := version.DaysLeft(time.Now()); known {
			metrics <- prometheus.MustNewConstMetric(versionLeft, prometheus.GaugeValue, float64(days)*secondsADay, version.API, version.Version)
		}
		replaced := 0.0
		if version.Served != "" {
			replaced = 1
		}
		metrics <- prometheus.MustNewConstMetric(versionReplaced, prometheus.GaugeValue, replaced, version.API, version.Version, version.Served)
	}
}

type poolMetrics struct {
	pool                                   *pgxpool.Pool
	used, idle, most, waits, waitedSeconds *prometheus.Desc
}

func newPoolMetrics(name string, pool *pgxpool.Pool) poolMetrics {
	desc := func(metric, help string) *prometheus.Desc {
		return prometheus.NewDesc("ledgerboard_database_pool_"+metric, help, nil, prometheus.Labels{"pool": name})
	}
	return poolMetrics{
		pool:          pool,
		used:          desc("used_connections", "Number of connections in use."),
		idle:          desc("idle_connections", "Number of connections that are open but not in use."),
		most:          desc("max_connections", "Maximum number of connections in the pool."),
		waits:         desc("waits_total", "Number of times that a caller waited for a connection."),
		waitedSeconds: desc("wait_seconds_total", "Time that callers spent waiting for a connection."),
	}
}

func (p poolMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, to) }

func (p poolMetrics) Collect(to chan<- prometheus.Metric) {
	stat := p.pool.Stat()
	for desc, value := range map[*prometheus.Desc]int32{
		p.used: stat.AcquiredConns(), p.idle: stat.IdleConns(), p.most: stat.MaxConns(),
	} {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value))
	}
	to <- prometheus.MustNewConstMetric(p.waits, prometheus.CounterValue, float64(stat.EmptyAcquireCount()))
	to <- prometheus.MustNewConstMetric(p.waitedSeconds, prometheus.CounterValue, stat.EmptyAcquireWaitTime().Seconds())
}
