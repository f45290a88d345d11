package assembly

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

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
