package proof

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Source is the log as proofs read it; *eventlog.Log is one.
type Source interface {
	// Ranges returns what each partition holds, in order, and the topic's id.
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	// Scan reads from positions to positions.
	Scan(ctx context.Context, cfg eventlog.ScanConfig) error
	// Decode reads one record strictly.
	Decode(r eventlog.Record) (domain.Recorded, error)
}

// each hands the records of a scan on one by one.
func each(handle func(eventlog.Record) error) func(context.Context, eventlog.Run) error {
	return func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			if err := handle(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// effective hands on the effective records of one stream, each with the head that it makes.
func effective(ctx context.Context, src Source, cfg eventlog.ScanConfig, partitions int, yield func(eventlog.Record, domain.StreamHead) error) error {
	var head domain.StreamHead
	cfg.Topic = domain.TopicDashboards
	cfg.Handle = each(func(r eventlog.Record) error {
		verdict, next, _ := eventlog.Judge(head, r, int32(partitions))
		if verdict != eventlog.Effective {
			return nil
		}
		head = next
		return yield(r, head)
	})
	return src.Scan(ctx, cfg)
}

// ends returns the vector of end offsets and the topic's id.
func ends(ctx context.Context, src Source) ([]int64, eventlog.TopicID, error) {
	return endsOf(ctx, src, domain.TopicDashboards)
}

func endsOf(ctx context.Context, src Source, topic string) ([]int64, eventlog.TopicID, error) {
	ranges, id, err := src.Ranges(ctx, topic)
	if err != nil {
		return nil, id, err
	}
	vector := make([]int64, len(ranges))
	for i, r := range ranges {
		vector[i] = r.End
	}
	return vector, id, nil
}

// byPartition is a vector as Scan wants it.
func byPartition(vector []int64) map[int32]int64 {
	m := make(map[int32]int64, len(vector))
	for i, at := range vector {
		m[int32(i)] = at
	}
	return m
}
