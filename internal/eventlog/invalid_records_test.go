package eventlog_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Records that no version of this program could have written stop neither a start nor an append nor a reader: each is handed out as it
// lies there, and [eventlog.Log.Decode] says what is wrong with it.
func testInvalid(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	account := b.keyOf(t, 4)
	valid := b.forge(t, postRead(account, 1))
	headers := func(name, value string) []eventlog.Header {
		changed := slices.Clone(valid.Headers)
		for i, h := range changed {
			if h.Key == name {
				changed[i].Value = []byte(value)
			}
		}
		return changed
	}
	strays := []kgo.Record{
		{Value: []byte("{}")},
		{Key: []byte("\x00\xff"), Value: []byte("{}")},
		{Key: valid.Key},
		{Key: valid.Key, Value: valid.Value},
		{Key: valid.Key, Value: valid.Value, Headers: headers("ce_time", "noon")},
		{Key: valid.Key, Value: []byte("["), Headers: valid.Headers},
	}
	b.produce(t, domain.TopicMetrics, 4, strays...)
	b.produce(t, domain.TopicMetrics, 3, valid) // the key's partition is 4
	require.NoError(t, b.Check(ctx))
	process, err := eventlog.Open(ctx, b.cfg)
	require.NoError(t, err, "they stop no start")
	defer func() { require.NoError(t, process.Close()) }()
	require.NoError(t, process.Append(ctx, postRead(account, 2)))

	byPartition := scanAll(t, process, eventlog.ScanConfig{Topic: domain.TopicMetrics})
	require.Len(t, byPartition[4], len(strays)+1)
	for _, r := range slices.Concat(byPartition[4][:len(strays)], byPartition[3]) {
		_, err := process.Decode(r)
		require.Error(t, err, "offset %d", r.Offset)
	}
	require.Len(t, byPartition[3], 1)
	_, err = process.Decode(byPartition[3][0])
	require.ErrorIs(t, err, eventlog.ErrMalformed)
	require.ErrorContains(t, err, "its key belongs to partition 4")
	_, err = process.Decode(byPartition[4][len(strays)])
	require.NoError(t, err)

	f := newFolder(t, b)
	f.start("invalid", nil)
	require.Len(t, f.await(len(strays)+2), len(strays)+2)
	require.Empty(t, f.stops)
}
