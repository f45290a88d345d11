package tags

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Text is the key as LEDGERBOARD_TAG_KEYS has it.
const Text = "5c0e0b4f7a1d4a0f9d5f0a4f6a7f3a1c2b8e9d0c1f2a3b4c5d6e7f8091a2b3c4"

// Key is the key of all logs that tests and measurements make.
func Key() eventlog.TagKey {
	key, err := eventlog.ParseTagKeys(Text)
	if err != nil {
		panic(err)
	}
	return key
}

// Tag is a record of the log as a holder of the key would write it.
func Tag(log *eventlog.Log, r eventlog.Record) eventlog.Record {
	return eventlog.NewTagger(Key(), log.Epoch().Log).Tag(r)
}

// Produce puts a record into a partition as it is, right or wrong, whatever its own partition says, and returns its offset.
func Produce(ctx context.Context, brokers []string, r eventlog.Record, partition int32) (offset int64, err error) {
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
