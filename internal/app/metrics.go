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

func observe(s *Service) error {
	connections := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_notice_connections", Help: "Open connections for notices (Socket.IO and event streams).",
	}, func() float64 { return float64(s.streams.NoticeListeners()) })
	collectors := []prometheus.Collector{
		s.Monitor, connections, backupAge(vault.Backups{Pool: s.KeptPool}, s.config.Logger),
	}
	if s.versions != nil {
		collectors = append(collectors, versionGauges{s})
	}
	s.topicsHealth = &topicsHealth{logger: s.config.Logger}
	return registerAll(s.registered, append(collectors, s.topicsHealth.metric()))
}

// topicsHealth is the result of the regular checks of the topics.
type topicsHealth struct {
	logger *slog.Logger

	mu    sync.Mutex
	found string // findings of the last check
}

func (t *topicsHealth) metric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_topics_unsafe",
		Help: "1 while a topic has lost records, or has settings that could lose or split the log; 'ledgerboard log' shows " +
			"what to do.",
	}, func() float64 {
		if t.Unsafe() {
			return 1
		}
		return 0
	})
}

// Checked records the result of a check. If no broker could be reached, it keeps the previous
// result.
func (t *topicsHealth) Checked(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.found = ""
	case errors.Is(err, eventlog.ErrUnsafeTopic):
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

// registrations registers metrics that [Parts.Close] unregisters.
type registrations struct {
	prometheus.Registerer

	parts *Parts
}

func (r registrations) Register(c prometheus.Collector) error {
	err := r.Registerer.Register(c)
	if err == nil {
		r.parts.Add(func() error { r.Unregister(c); return nil })
	}
	return err
}

func (r registrations) MustRegister(collectors ...prometheus.Collector) {
	if err := registerAll(r, collectors); err != nil {
		panic(err)
	}
}

func registerAll(registry prometheus.Registerer, collectors []prometheus.Collector) error {
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			return err
		}
	}
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

// poolMetrics are the metrics of a pool of connections.
func poolMetrics(name string, pool *pgxpool.Pool) []prometheus.Collector {
	opts := func(metric, help string) prometheus.Opts {
		return prometheus.Opts{Name: "ledgerboard_database_pool_" + metric, Help: help, ConstLabels: prometheus.Labels{"pool": name}}
	}
	gauge := func(metric, help string, read func(*pgxpool.Stat) int32) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts(metric, help)), func() float64 { return float64(read(pool.Stat())) })
	}
	counter := func(metric, help string, read func(*pgxpool.Stat) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts(opts(metric, help)), func() float64 { return read(pool.Stat()) })
	}
	return []prometheus.Collector{
		gauge("used_connections", "Number of connections in use.", (*pgxpool.Stat).AcquiredConns),
		gauge("idle_connections", "Number of connections that are open but not in use.", (*pgxpool.Stat).IdleConns),
		gauge("max_connections", "Maximum number of connections in the pool.", (*pgxpool.Stat).MaxConns),
		counter("waits_total", "Number of times that a caller waited for a connection.",
			func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		counter("wait_seconds_total", "Time that callers spent waiting for a connection.",
			func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() }),
	}
}
