package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// planted is a record that nobody of ours wrote, and why it counts for nothing.
type planted struct {
	record    kgo.Record
	partition int32
	reason    string
}

// forgeries are all ways to make one of a genuine draft of `metrics`, whose key lives in partition 4.
func (b *bench) forgeries(t testing.TB, d domain.Draft) map[string]planted {
	t.Helper()
	genuine := b.forge(t, d)
	plain, err := b.Codec().Encode(d)
	require.NoError(t, err)
	changed := func(change func(*eventlog.Record)) kgo.Record { // after it was tagged
		r := eventlog.Record{Key: genuine.Key, Value: genuine.Value, Headers: slices.Clone(genuine.Headers)}
		change(&r)
		return kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers}
	}
	tagged := func(by *eventlog.Tagger, change func(*eventlog.Record)) kgo.Record { // before it is tagged
		r := plain
		r.Headers = slices.Clone(r.Headers)
		change(&r)
		r = by.Tag(r)
		return kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers}
	}
	set := func(name, value string) func(*eventlog.Record) {
		return func(r *eventlog.Record) { r.Headers = setHeader(name, value)(r.Headers) }
	}
	log := b.Epoch().Log
	otherLog := log
	otherLog[0]++
	ours, nothing := eventlog.NewTagger(tags.Key(), log), func(*eventlog.Record) {}
	otherAccount := d.Key + "0"
	wrong := "its tag is not of this key, log, topic, key and content"
	return map[string]planted{
		"no tag": {kgo.Record{Key: plain.Key, Value: plain.Value, Headers: plain.Headers}, 4, "it has no tag"},
		"two tags": {changed(func(r *eventlog.Record) {
			r.Headers = append(r.Headers, eventlog.Header{Key: "ce_tag", Value: []byte("x")})
		}), 4, "it has 2 tags"},
		"the tag twice":         {changed(func(r *eventlog.Record) { r.Headers = append(r.Headers, headerOf(r.Headers, "ce_tag")) }), 4, "it has 2 tags"},
		"a short tag":           {changed(set("ce_tag", "AAAA")), 4, "its tag is malformed"},
		"an empty tag":          {changed(set("ce_tag", "")), 4, "its tag is malformed"},
		"a tag padded":          {changed(func(r *eventlog.Record) { set("ce_tag", r.Header("ce_tag")+"=")(r) }), 4, "its tag is malformed"},
		"another key":           {tagged(eventlog.NewTagger(otherKey(t), log), nothing), 4, wrong},
		"another log":           {tagged(eventlog.NewTagger(tags.Key(), otherLog), nothing), 4, wrong},
		"the tag of another":    {changed(set("ce_tag", eventlog.NewTagger(tags.Key(), log).Tag(eventlog.Record{Topic: domain.TopicMetrics}).Header("ce_tag"))), 4, wrong},
		"copied from a topic":   {tagged(ours, func(r *eventlog.Record) { r.Topic = domain.TopicContents }), 4, wrong},
		"copied to a partition": {genuine, 3, "its key belongs to partition 4"},
		"copied to a key":       {changed(func(r *eventlog.Record) { r.Key = []byte(otherAccount) }), eventlog.PartitionOf([]byte(otherAccount), 6), wrong},
		"another value":         {changed(func(r *eventlog.Record) { r.Value = append(slices.Clone(r.Value), ' ') }), 4, wrong},
		"no value":              {changed(func(r *eventlog.Record) { r.Value = nil }), 4, "it has no value"},
		"no key":                {changed(func(r *eventlog.Record) { r.Key = nil }), 4, "it has no key"},
		"a key that is no text": {changed(func(r *eventlog.Record) { r.Key = []byte("\x00") }), 4, "its key is no text"},
		"another time":          {changed(set("ce_time", "2099-01-01T00:00:00.000000Z")), 4, wrong},
		"a header more": {changed(func(r *eventlog.Record) {
			r.Headers = append(r.Headers, eventlog.Header{Key: "ce_new", Value: []byte("1")})
		}), 4, wrong},
		"a header less":          {changed(func(r *eventlog.Record) { r.Headers = r.Headers[1:] }), 4, wrong},
		"tagged and malformed":   {tagged(ours, set("ce_time", "noon")), 4, "RFC 3339"},
		"tagged, a header twice": {tagged(ours, func(r *eventlog.Record) { r.Headers = repeatHeader("ce_id")(r.Headers) }), 4, "ce_id is there twice"},
		"tagged, with a chain":   {tagged(ours, set("ce_chainversion", "1")), 4, "not chained"},
		"nothing at all":         {kgo.Record{}, 0, "it has no key"},
	}
}

func headerOf(headers []eventlog.Header, name string) eventlog.Header {
	return headers[slices.IndexFunc(headers, func(h eventlog.Header) bool { return h.Key == name })]
}

// Whatever lies between genuine records, whoever reads meets these alone, and goes on behind the last of the others.
func testForeign(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	account := b.keyOf(t, 4)
	forgeries := b.forgeries(t, postRead(account, 99))
	for _, f := range forgeries { // also first and last of a partition
		b.produce(t, domain.TopicMetrics, f.partition, f.record)
	}
	for n := range 3 {
		require.NoError(t, b.Append(ctx, postRead(account, n)))
		require.NoError(t, errors.Join(b.AppendBatch(ctx, []domain.Draft{postRead(account, 10+n)})...))
		for _, f := range forgeries {
			b.produce(t, domain.TopicMetrics, f.partition, f.record)
		}
	}
	require.NoError(t, b.Check(ctx), "they are no reason to stop")

	process, err := eventlog.Open(ctx, b.cfg)
	require.NoError(t, err, "nor not to start")
	defer func() { require.NoError(t, process.Close()) }()
	byPartition := scanAll(t, process, eventlog.ScanConfig{Topic: domain.TopicMetrics})
	require.Len(t, byPartition, 1)
	require.Equal(t, []string{"0", "10", "1", "11", "2", "12"}, likesOf(t, process, byPartition[4]))
	counts := process.ForeignCounts()
	require.Equal(t, int64(4*len(forgeries)), counts[domain.TopicMetrics])
	require.Contains(t, counts, domain.TopicDirectory)
	scanAll(t, process, eventlog.ScanConfig{Topic: domain.TopicMetrics})
	require.Equal(t, counts, process.ForeignCounts(), "each is counted once, however often it is read")

	f := newFolder(t, b)
	f.foreign = true
	f.start("foreign", nil)
	require.Equal(t, []string{"0", "10", "1", "11", "2", "12"}, likesOf(t, b.Log, f.await(6)))
	three, four := b.end(t, domain.TopicMetrics, 3), b.end(t, domain.TopicMetrics, 4)
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.positions[4].NextOffset == four && f.positions[3].NextOffset == three
	}, awaitTime, awaitTick, "the position passes them")
	require.Empty(t, f.folded)
}

// likesOf tells records of postRead apart.
func likesOf(t testing.TB, log *eventlog.Log, records []eventlog.Record) (likes []string) {
	t.Helper()
	for _, r := range records {
		recorded, err := log.Decode(r)
		require.NoError(t, err)
		likes = append(likes, fmt.Sprint(*recorded.Data.(domain.PostRead).Likes))
	}
	return likes
}

// Trace headers are nobody's: what stands in them, and how often, makes no record foreign.
func TestTraceHeadersDecideNothing(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	account := b.keyOf(t, 4)
	for n, trace := range [][]eventlog.Header{
		nil,
		{{Key: "ce_traceparent", Value: []byte("a")}, {Key: "ce_traceparent", Value: []byte("b")}},
		{{Key: "ce_traceparent"}, {Key: "traceparent", Value: []byte("\x00")}, {Key: "ce_tracestate", Value: []byte("\xff")}},
	} {
		r := b.forge(t, postRead(account, n))
		r.Headers = append(slices.Clone(r.Headers), trace...)
		b.produce(t, domain.TopicMetrics, 4, r)
	}
	records := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[4]
	require.Equal(t, []string{"0", "1", "2"}, likesOf(t, b.Log, records))
	require.Zero(t, b.ForeignCounts()[domain.TopicMetrics])
}

// A copy of a genuine record is genuine: that it was there before is the fold's to see, by its id or version.
func TestACopyIsNotForeign(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	account := b.keyOf(t, 4)
	for range 2 {
		b.produce(t, domain.TopicMetrics, 4, b.forge(t, postRead(account, 1)))
	}
	require.Len(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[4], 2)
}

// Reactors do not hear of foreign records either: one that claims a high version would keep them waiting.
func TestReactorsHearNothingForeign(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	sub := b.NewSubscriber()
	defer func() { require.NoError(t, sub.Close()) }()
	heard, err := sub.Subscribe(ctx, domain.TopicOperations)
	require.NoError(t, err)
	forged, err := b.Codec().Encode(paused(1))
	require.NoError(t, err)
	forged = eventlog.NewTagger(otherKey(t), b.Epoch().Log).Tag(forged)
	ids := make(chan string, 1)
	go func() {
		for m := range heard {
			m.Ack()
			select {
			case ids <- m.UUID:
			case <-ctx.Done():
			}
		}
	}()
	both := func(genuine int) {
		b.produce(t, domain.TopicOperations, 0, kgo.Record{Key: forged.Key, Value: forged.Value, Headers: forged.Headers})
		require.NoError(t, b.Append(ctx, paused(genuine)))
	}
	for ready := false; !ready; { // a subscriber begins at the end when it is ready
		both(2)
		select {
		case id := <-ids:
			require.Equal(t, "pause-2", id)
			ready = true
		case <-time.After(awaitTick):
			require.NoError(t, ctx.Err(), "it hears nothing")
		}
	}
	both(3)
	for id := ""; id != "pause-3"; {
		select {
		case id = <-ids:
			require.Contains(t, []string{"pause-2", "pause-3"}, id, "and never the other")
		case <-ctx.Done():
			require.FailNow(t, "the last one is not heard")
		}
	}
	require.NotZero(t, b.ForeignCounts()[domain.TopicOperations])
}

// A batch that unpacks to more than any of ours is passed over unread: its sender decides how much memory reading it would take.
func testTooLarge(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	account := b.keyOf(t, 4)
	require.NoError(t, b.Append(ctx, postRead(account, 1)))
	sender, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(80<<20), kgo.BrokerMaxWriteBytes(100<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	require.NoError(t, err)
	defer sender.Close()
	bomb := &kgo.Record{Topic: b.wire(domain.TopicMetrics), Partition: 4, Key: []byte("x"), Value: make([]byte, 65<<20)}
	require.NoError(t, sender.ProduceSync(ctx, bomb).FirstErr())
	require.NoError(t, b.Append(ctx, postRead(account, 2)))

	require.Equal(t, []string{"1", "2"}, likesOf(t, b.Log, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[4]))
	f := newFolder(t, b)
	f.foreign = true
	f.start("bomb", nil)
	require.Equal(t, []string{"1", "2"}, likesOf(t, b.Log, f.await(2)))
	require.Empty(t, f.ended, "in one session")
	require.Empty(t, f.stops)
	require.Equal(t, int64(1), b.ForeignCounts()[domain.TopicMetrics])
}
