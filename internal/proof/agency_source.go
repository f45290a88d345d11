package proof

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// agencySource is the log with one agency's stream and nothing else: of `dashboards` the records of its key, which lie in one
// partition, and none of `operations`. [Verify] of it costs what the agency costs, however long the log is. It serves one verification.
type agencySource struct {
	Source

	agency string
	// read is told of each run of the first scan, before that is handled.
	read    func(run eventlog.Run)
	scanned bool
}

// Ranges implements [Source].
func (s *agencySource) Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	ranges, id, err := s.Source.Ranges(ctx, topic)
	if topic == domain.TopicOperations {
		for i := range ranges {
			ranges[i].End = ranges[i].Start
		}
	}
	return ranges, id, err
}

// Scan implements [Source].
func (s *agencySource) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	if cfg.Topic == domain.TopicOperations {
		return nil
	}
	cfg.Key = s.agency
	if !s.scanned && !cfg.Foreign { // the later ones look at single records again
		s.scanned = true
		handle := cfg.Handle
		cfg.Handle = func(ctx context.Context, run eventlog.Run) error {
			s.read(run)
			return handle(ctx, run)
		}
	}
	return s.Source.Scan(ctx, cfg)
}
