package produce

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Record puts a record into a partition as it is, whatever its own partition says, and returns its offset.
func Record(ctx context.Context, brokers []string, r eventlog.Record, partition int32) (offset int64, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return 0, fmt.Errorf("connect bare producer: %w", err)
	}
	defer client.Close()
	produced := &kgo.Record{Topic: r.Topic, Partition: partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
	if err := client.ProduceSync(ctx, produced).FirstErr(); err != nil {
		return 0, fmt.Errorf("produce: %w", err)
	}
	return produced.Offset, nil
}
