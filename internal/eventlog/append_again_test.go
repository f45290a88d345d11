package eventlog_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Whoever asks for the same keys again, as every hour while an event is parked, reads only what has come since, and finds what lies over them
// all the same. Another key is looked for from the start.
func TestWhatCountsIsReadOnce(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	b := setup(t, brokers)
	var mu sync.Mutex
	var fetched []int64 // offsets
	cluster.ControlKey(kmsg.Fetch.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		for _, topic := range request.(*kmsg.FetchRequest).Topics {
			for _, partition := range topic.Partitions {
				fetched = append(fetched, partition.FetchOffset)
			}
		}
		return nil, nil, false
	})
	look := func(keys ...string) (appended int, first int64) {
		t.Helper()
		mu.Lock()
		fetched = nil
		mu.Unlock()
		appended, err := b.AppendAgain(testContext(t), domain.TopicDirectory, nil, keys)
		require.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		if len(fetched) == 0 {
			return appended, nothing
		}
		return appended, slices.Min(fetched)
	}
	var orders []domain.Draft // of one partition
	for n := 0; len(orders) < 2; n++ {
		if d := order(strconv.Itoa(n), 1); eventlog.PartitionOf([]byte(d.Key), 2) == 0 {
			orders = append(orders, d)
		}
	}
	cover := func(d domain.Draft) {
		t.Helper()
		b.produce(t, domain.TopicDirectory, 0, kgo.Record{Key: []byte(d.Key), Value: []byte("{}")}) // no envelope: invalid
	}
	for _, step := range []struct {
		what     string
		before   func()
		keys     []string
		appended int
		first    int64 // offset that is read
	}{
		{"both are there", func() { require.NoError(t, b.AppendBulk(testContext(t), orders)) }, []string{orders[0].Key}, 0, 0},
		{"nothing is new", func() {}, []string{orders[0].Key}, 0, nothing},
		{"something lies over it", func() { cover(orders[0]) }, []string{orders[0].Key}, 1, 2},
		{"what was appended is read", func() {}, []string{orders[0].Key}, 0, 3},
		{"another key", func() { cover(orders[0]) }, []string{orders[1].Key}, 0, 0},
		{"both: one was not asked for last", func() { cover(orders[1]) }, []string{orders[0].Key, orders[1].Key}, 2, 0},
		{"and what was appended of both", func() {}, []string{orders[0].Key, orders[1].Key}, 0, 6},
		{"nothing is new of both", func() {}, []string{orders[0].Key, orders[1].Key}, 0, nothing},
	} {
		step.before()
		appended, first := look(step.keys...)
		require.Equal(t, step.appended, appended, step.what)
		require.Equal(t, step.first, first, step.what)
	}
}

// nothing is no offset: nothing was read.
const nothing = int64(-1)
