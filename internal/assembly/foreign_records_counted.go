package assembly

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// foreignHealth are the topics that hold foreign records, for /readyz.
func foreignHealth(counts map[string]int64) (topics []api.ForeignHealth) {
	for _, topic := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[topic]; n > 0 {
			topics = append(topics, api.ForeignHealth{Topic: topic, Records: n})
		}
	}
	return topics
}

// foreignCollector counts the foreign records that this process has met.
type foreignCollector struct{ log *eventlog.Log }

var foreignCount = prometheus.NewDesc("ledgerboard_foreign_records_total",
	"Records in the log that nobody of ours wrote, met since the start and skipped; 'ledgerboard log' shows them.", []string{"topic"}, nil)

// Describe implements [prometheus.Collector].
func (foreignCollector) Describe(descs chan<- *prometheus.Desc) { descs <- foreignCount }

// Collect implements [prometheus.Collector].
func (c foreignCollector) Collect(metrics chan<- prometheus.Metric) {
	for topic, n := range c.log.ForeignCounts() {
		metrics <- prometheus.MustNewConstMetric(foreignCount, prometheus.CounterValue, float64(n), topic)
	}
}
