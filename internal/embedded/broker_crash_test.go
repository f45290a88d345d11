package embedded_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// produceForEver runs in the child. Large values make a kill during a write likely.
func produceForEver(order childOrder) {
	ctx := context.Background()
	b := must(embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: order.DataDir, Logger: ledgertest.Quiet}))
	cl := must(kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(64), kgo.ProducerBatchMaxBytes(1<<20)))
	must(0, createTopic(ctx, cl, b, "events", nil))
	padding := strings.Repeat("x", 900_000)
	for n := 0; ; n++ {
		id := fmt.Sprintf("%d/%d", order.Round, n)
		record := &kgo.Record{Topic: "events", Key: []byte(id), Value: []byte(id + " " + padding[:n%1000])}
		if n%3 == 0 {
			record.Value = []byte(id + " " + padding)
		}
		cl.Produce(ctx, record, func(r *kgo.Record, err error) {
			must(r, err)
			sayf("%s", id)
		})
	}
}

func TestBrokerKeepsAcknowledgedRecordsAfterKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	var acked []string
	for round := range rounds {
		c := startChild(t, childOrder{Do: "broker", DataDir: dir, Round: round})
		acked = append(acked, c.readLines(t, 20+round*17)...) // at a different moment each time
		acked = append(acked, c.kill(t)...)

		b := startBroker(t, dir)
		values := consumeAll(t, b, "events")
		require.Subset(t, values, acked, "round %d", round)
		seen := map[string]bool{}
		for _, value := range values {
			require.False(t, seen[value], "%s is there twice", value)
			seen[value] = true
		}
		require.NoError(t, b.Close())
	}
}
