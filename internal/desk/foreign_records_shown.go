package desk

import (
	"context"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// ForeignRecords returns what lies in the log and nobody of ours wrote, as any process has met it: the first so many of each topic.
func (d *Desk) ForeignRecords(ctx context.Context, most int) ([]domain.ForeignRecord, error) {
	records := []domain.ForeignRecord{}
	for _, topic := range d.log.Codec().Topics() {
		of, err := vault.NewForeignRecords(d.kept, d.log.Epoch().Log.String()).First(ctx, topic.Name, most)
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
	foreign, topics := vault.NewForeignRecords(d.kept, d.log.Epoch().Log.String()), d.log.Codec().Topics()
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
