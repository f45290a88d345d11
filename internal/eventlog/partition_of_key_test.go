package eventlog_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Apache Kafka's own vectors (UtilsTest.testMurmur2), masked and taken modulo 1000.
func TestPartitionOfIsKafkas(t *testing.T) {
	t.Parallel()
	for key, murmur := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536} {
		require.Equal(t, (murmur&0x7fffffff)%1000, eventlog.PartitionOf([]byte(key), 1000), key)
	}
	require.Equal(t, int32(-1), eventlog.PartitionOf(nil, 12))
	require.Equal(t, int32(-1), eventlog.PartitionOf([]byte("a"), 0))
}

func TestBothClientsChooseAlike(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "key")
		count := rapid.Int32Range(1, 64).Draw(t, "partitions")
		counts := map[string]int32{"t": count}
		want := eventlog.PartitionOf(key, count)
		bySarama, err := eventlog.NewPinnedSarama(counts)("t").Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, count)
		if err != nil || bySarama != want {
			t.Fatalf("sarama chose %d (%v), want %d", bySarama, err, want)
		}
		kgos := eventlog.NewPinnedKgo(counts).ForTopic("t")
		if byKgo := kgos.Partition(&kgo.Record{Key: key}, int(count)); int32(byKgo) != want {
			t.Fatalf("kgo chose %d, want %d", byKgo, want)
		}
		// A count other than the pinned one, and a topic without one: refused by both.
		for _, topic := range []string{"t", "other"} {
			if _, err := eventlog.NewPinnedSarama(counts)(topic).Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, count+1); err == nil {
				t.Fatal("sarama accepted another count")
			}
			if p := eventlog.NewPinnedKgo(counts).ForTopic(topic).Partition(&kgo.Record{Key: key}, int(count+1)); p >= 0 {
				t.Fatal("kgo accepted another count")
			}
		}
	})
	_, err := eventlog.NewPinnedSarama(map[string]int32{"t": 3})("t").Partition(&sarama.ProducerMessage{}, 3)
	require.ErrorIs(t, err, eventlog.ErrEmptyKey)
}
