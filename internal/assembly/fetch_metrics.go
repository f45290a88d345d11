package assembly

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func observeCalls(registry prometheus.Registerer) func(platforms.CallStats) {
	calls := promauto.With(registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "ledgerboard_platform_call_seconds", Help: "Duration of platform calls.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
	}, []string{"platform", "op", "class"})
	return func(s platforms.CallStats) {
		calls.WithLabelValues(s.Platform.String(), s.Op, cmp.Or(string(s.Class), "ok")).Observe(s.Duration.Seconds())
	}
}

// readingAges exports the age of the newest reading of each platform and kind, whichever fetcher
// made it.
type readingAges struct {
	ages   func(context.Context) (map[domain.FetchQueue]time.Duration, error)
	logger *slog.Logger
}

var readingAge = prometheus.NewDesc("ledgerboard_fetch_newest_reading_age_seconds",
	"Age of the newest successful reading, for platforms requested within the last two days.", []string{"kind", "platform"}, nil)

func (readingAges) Describe(descs chan<- *prometheus.Desc) { descs <- readingAge }

func (c readingAges) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	ages, err := c.ages(ctx)
	if err != nil {
		c.logger.Warn("cannot read the age of the newest readings", "error", err)
	}
	for queue, age := range ages {
		metrics <- prometheus.MustNewConstMetric(readingAge, prometheus.GaugeValue, age.Seconds(), queue.Kind, queue.Platform.String())
	}
}
