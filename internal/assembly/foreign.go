package assembly

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// keepForeignEvery is how often foreign records are kept for operators while more are met.
const keepForeignEvery = time.Second

// keepForeign keeps foreign records for operators, until ctx is done. What a process that is killed has met and not kept, the daily check of
// the tables meets again.
func (s *Service) keepForeign(ctx context.Context) {
	kept := map[domain.Position]bool{}
	store := vault.NewForeignRecords(s.KeptPool, s.Log.Epoch().Log.String())
	for on := true; on; on = pause(ctx, keepForeignEvery) {
		select {
		case <-ctx.Done():
			return
		case <-s.Log.MoreForeign():
		}
		for err := s.keepMet(ctx, store, kept); err != nil && pause(ctx, keepForeignEvery); err = s.keepMet(ctx, store, kept) {
			s.settings.Logger.WarnContext(ctx, "foreign records were not kept; it is tried again in a second", "error", err)
		}
	}
}

// keepMet keeps the foreign records that were met and are not kept yet.
func (s *Service) keepMet(ctx context.Context, store *vault.ForeignRecords, kept map[domain.Position]bool) error {
	var more []domain.ForeignRecord
	for _, r := range s.Log.Foreign() {
		if !kept[r.Position] {
			more = append(more, r)
		}
	}
	if len(more) == 0 {
		return nil
	}
	if err := store.Keep(ctx, more); err != nil {
		return err
	}
	for _, r := range more {
		kept[r.Position] = true
	}
	return nil
}

// ForeignRecords returns what lies in the log and nobody of ours wrote, as any process has met it: the first so many of each topic.
func (d *Desk) ForeignRecords(ctx context.Context, most int) ([]domain.ForeignRecord, error) {
	kept, err := d.parts.Vault(ctx)
	if err != nil {
		return nil, err
	}
	log, records := d.parts.log.value, []domain.ForeignRecord{}
	for _, topic := range log.Codec().Topics() {
		of, err := vault.NewForeignRecords(kept, log.Epoch().Log.String()).First(ctx, topic.Name, most)
		if err != nil {
			return nil, err
		}
		records = append(records, of...)
	}
	return records, nil
}

// Excluded implements [api.ExcludedReader]. Topics `dashboards` and `operations` have agencies for keys: what names one on another topic names something
// else there.
func (d *Desk) Excluded(ctx context.Context, parent string) (found api.Excluded, err error) {
	found.Foreign.Claiming = []domain.ForeignRecord{}
	if found.Parked, err = d.Parked(ctx, operator.ParkedFilter{Stream: parent, Limit: api.MostExcluded}); err != nil {
		return found, err
	}
	kept, err := d.parts.Vault(ctx)
	if err != nil {
		return found, err
	}
	log := d.parts.log.value
	foreign, topics := vault.NewForeignRecords(kept, log.Epoch().Log.String()), log.Codec().Topics()
	for _, topic := range topics {
		if topic.Name != domain.TopicDashboards && topic.Name != domain.TopicOperations {
			continue
		}
		claims, err := foreign.Claims(ctx, topic.Name, eventlog.PartitionOf([]byte(parent), topic.Partitions), parent, api.MostExcluded-len(found.Foreign.Claiming))
		if err != nil {
			return found, err
		}
		found.Foreign.Claiming = append(found.Foreign.Claiming, claims.Records...)
		found.Foreign.Records += claims.Count
		found.Foreign.Others += claims.Others
		found.Foreign.More = found.Foreign.More || claims.Full
	}
	return found, nil
}

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
