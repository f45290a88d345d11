package eventlog_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What brokers do after they answered can only be asked for again and again. It takes as long as a slow machine needs.
const (
	awaitTime = 2 * time.Minute
	awaitTick = 10 * time.Millisecond
)

func (b *bench) end(t testing.TB, topic string, partition int32) int64 {
	t.Helper()
	ranges, _, err := b.Ranges(testContext(t), topic)
	require.NoError(t, err)
	return ranges[partition].End
}

// awaitEnd waits until a partition ends there.
func (b *bench) awaitEnd(t testing.TB, topic string, partition int32, want int64) {
	t.Helper()
	ctx := testContext(t)
	require.Eventually(t, func() bool {
		ranges, _, err := b.Ranges(ctx, topic)
		return err == nil && ranges[partition].End == want
	}, awaitTime, awaitTick, "partition %d of %s to end at %d", partition, topic, want)
}

func (b *bench) deleteBefore(t testing.TB, topic string, partition int32, offset int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: b.wire(topic), Partition: partition, At: offset})
	deleted, err := b.admin.DeleteRecords(testContext(t), offsets)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
}

// awaitPartitions waits until each broker tells of so many partitions: the clients under test may ask any.
func (b *bench) awaitPartitions(t testing.TB, topic string, count int) {
	t.Helper()
	name := b.wire(topic)
	require.Eventually(t, func() bool {
		req := kmsg.NewPtrMetadataRequest()
		asked := kmsg.NewMetadataRequestTopic()
		asked.Topic = &name
		req.Topics = append(req.Topics, asked)
		brokers := b.raw.DiscoveredBrokers()
		return len(brokers) > 0 && !slices.ContainsFunc(brokers, func(broker *kgo.Broker) bool {
			resp, err := req.RequestWith(context.Background(), broker)
			return err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != count
		})
	}, awaitTime, awaitTick)
}

// recreate deletes a topic and creates it again under its name.
func (b *bench) recreate(t testing.TB, topic string) {
	t.Helper()
	ctx := testContext(t)
	_, err := b.admin.DeleteTopic(ctx, b.wire(topic))
	require.NoError(t, err)
	b.awaitPartitions(t, topic, 0)
	for _, spec := range b.cfg.Topics {
		if spec.Name != topic {
			continue
		}
		configs := map[string]*string{}
		for key, value := range spec.Configs {
			configs[key] = &value
		}
		configs["min.insync.replicas"] = new("1")
		require.Eventually(t, func() bool { // Apache Kafka deletes in the background
			_, err := b.admin.CreateTopic(ctx, spec.Partitions, 1, configs, b.wire(topic))
			return err == nil
		}, awaitTime, awaitTick)
		b.awaitPartitions(t, topic, int(spec.Partitions))
	}
}

// forge is a draft's record as another program could produce it.
func (b *bench) forge(t testing.TB, d domain.Draft) kgo.Record {
	t.Helper()
	r, err := b.Codec().Encode(d)
	require.NoError(t, err)
	return kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers}
}

// produce writes past the log's own checks.
func (b *bench) produce(t testing.TB, topic string, partition int32, records ...kgo.Record) {
	t.Helper()
	for _, r := range records {
		r.Topic, r.Partition = b.wire(topic), partition
		require.NoError(t, b.raw.ProduceSync(testContext(t), &r).FirstErr())
	}
}
