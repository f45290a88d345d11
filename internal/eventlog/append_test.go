package eventlog_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// An append waits for other records of its batch, but not for those of other callers.
func TestAppendsDoNotLinger(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	const linger = time.Minute // as long as kgo allows
	b := setup(t, brokers, func(c *eventlog.Config) { *c = c.WithLinger(linger) })
	ledgertest.Eventually(t, func() bool { // until the client knows the topic's partitions
		ctx, cancel := context.WithTimeout(testContext(t), time.Second)
		defer cancel()
		return b.Append(ctx, postRead(1, 1)) == nil
	})
	sooner, cancel := context.WithTimeout(testContext(t), linger/2)
	defer cancel()
	require.NoError(t, b.Append(sooner, postRead(b.keyOf(t, 0), 2)))
	require.NoError(t, errors.Join(b.AppendBatch(sooner, []domain.Draft{postRead(b.keyOf(t, 1), 2), postRead(b.keyOf(t, 2), 2)})...))
}

func TestInvalidAppendIsRefusedBeforeProducing(t *testing.T) {
	t.Parallel()
	_, b := embedded(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	nameless, elsewhere := postRead(1, 1), postRead(1, 1)
	nameless.Key, elsewhere.Topic = "", "nonsense"
	for _, c := range []struct {
		ctx   context.Context //nolint:containedctx // a case of the table
		draft domain.Draft
		cause error
	}{
		{testContext(t), nameless, eventlog.ErrEmptyKey},
		{testContext(t), elsewhere, eventlog.ErrInvalidDraft},
		{ended, postRead(1, 1), context.Canceled},
	} {
		drafts := []domain.Draft{c.draft}
		for _, err := range []error{b.Append(c.ctx, c.draft), b.AppendBatch(c.ctx, drafts)[0], b.AppendBulk(c.ctx, drafts)} {
			requireRefused(t, err, c.cause)
		}
	}

	// The limit is exact: both clients and the broker accept a record of that size.
	d := paused(1)
	small, err := b.Size(d)
	require.NoError(t, err)
	data := d.Data.(domain.OperatorFinished)
	data.Of += strings.Repeat("x", eventlog.MaxRecordBytes-small)
	d.Data = data
	size, err := b.Size(d)
	require.NoError(t, err)
	require.Equal(t, eventlog.MaxRecordBytes, size)
	require.NoError(t, b.Append(testContext(t), d))
	require.NoError(t, b.AppendBulk(testContext(t), []domain.Draft{d}))

	data.Of += "x"
	d.Data = data
	for _, err := range []error{
		b.Append(testContext(t), d), b.AppendBatch(testContext(t), []domain.Draft{d})[0], b.AppendBulk(testContext(t), []domain.Draft{paused(1), d}),
	} {
		requireRefused(t, err, eventlog.ErrRecordTooLarge)
	}
	require.Equal(t, int64(2), b.end(t, domain.TopicOperations, 0), "nothing of a refused batch is appended")
}

// requireRefused asserts that an append left nothing behind.
func requireRefused(t testing.TB, err, cause error) {
	t.Helper()
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, eventlog.ErrRefused)
	require.NotErrorIs(t, err, eventlog.ErrOutcomeUnknown)
}

// holdProduce makes the broker delay produce requests to a topic until release is called.
func holdProduce(t *testing.T, cluster *kfake.Cluster, topic string) (delayed <-chan struct{}, release func()) {
	t.Helper()
	open, reached := make(chan struct{}), make(chan struct{}, 100)
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		for _, asked := range request.(*kmsg.ProduceRequest).Topics {
			if info := cluster.TopicInfo(topic); asked.Topic == topic || info != nil && asked.TopicID == info.TopicID {
				reached <- struct{}{}
				cluster.SleepControl(func() { <-open })
			}
		}
		return nil, nil, false
	})
	release = sync.OnceFunc(func() { close(open) })
	t.Cleanup(release)
	return reached, release
}

// endsWhen returns a context that ends with a reason once a request is delayed.
func endsWhen(t *testing.T, delayed <-chan struct{}, reason error) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(testContext(t))
	go func() {
		<-delayed
		cancel(reason)
	}()
	return ctx
}

// The deadline does not wait for Publish, and leaves an unknown outcome: here the record is
// appended later.
func TestTimedOutAppendHasUnknownOutcome(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	delayed, release := holdProduce(t, cluster, b.wire(domain.TopicOperations))
	reason := errors.New("the client disconnected")
	ctx := endsWhen(t, delayed, reason)
	err := b.Append(ctx, paused(1))
	require.ErrorIs(t, err, eventlog.ErrOutcomeUnknown)
	require.ErrorIs(t, err, reason)
	require.NotErrorIs(t, err, eventlog.ErrRefused)
	require.Equal(t, int64(0), b.end(t, domain.TopicOperations, 0))
	release()
	b.awaitEnd(t, domain.TopicOperations, 0, 1)
}

// A broker restarts, or another one becomes leader, after some seconds: an append waits for that
// instead of returning an unknown outcome, and the record is appended once.
func TestAppendWaitsForBrokerFailover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ refused, cut int }{
		"another leads soon":       {refused: 15},
		"none answers for a while": {refused: 1, cut: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, b := embedded(t)
			require.NoError(t, b.Append(testContext(t), paused(1)))
			refused, cut := 0, 0
			cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
				if refused++; refused > c.refused {
					return nil, nil, false
				}
				cluster.KeepControl()
				return ledgertest.Refuse(request, kerr.NotLeaderForPartition), nil, true
			})
			cluster.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
				if cut++; cut > c.cut {
					return nil, nil, false
				}
				cluster.KeepControl()
				return nil, errors.New("the broker is unreachable"), true
			})
			require.NoError(t, b.Append(testContext(t), paused(2)))
			require.Equal(t, int64(2), b.end(t, domain.TopicOperations, 0))
		})
	}
}

// A command never waits for readings: `dashboards` has its own producer.
func TestDashboardCommandsDoNotWaitForReadings(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	delayed, release := holdProduce(t, cluster, b.wire(domain.TopicMetrics))
	reading := make(chan error, 1)
	go func() { reading <- b.Append(testContext(t), postRead(1, 1)) }()
	<-delayed
	s := stream{codec: b.Codec(), key: agency}
	d, _ := s.next()
	require.NoError(t, b.Append(testContext(t), d), "a shared producer would wait for the delayed reading")
	require.Empty(t, reading)
	release()
	require.NoError(t, <-reading)
}

// A stop does not wait for brokers that do not answer: it reports an unknown outcome, and each
// append gets its own answer. A caller that repeats the batch appends it twice, with the same ids;
// a fold counts each once.
func TestCloseTimesOutWithUnknownOutcomes(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	cfg := newConfig(t, brokers)
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	delayed, release := holdProduce(t, cluster, cfg.WireName(domain.TopicMetrics))
	drafts := []domain.Draft{postRead(1, 1), postRead(1, 2)}
	appended, outcomes := make(chan error, 1), make(chan []error, 1)
	go func() { appended <- log.Append(testContext(t), postRead(1, 3)) }()
	<-delayed
	go func() { outcomes <- log.AppendBatch(testContext(t), drafts) }()
	ledgertest.Eventually(t, func() bool { return log.HandedOver() == len(drafts)+1 })
	require.ErrorIs(t, log.CloseWithin(time.Millisecond), eventlog.ErrOutcomeUnknown)
	for _, err := range <-outcomes {
		require.ErrorIs(t, err, eventlog.ErrOutcomeUnknown, "without acknowledgment there is no success")
	}
	require.ErrorIs(t, <-appended, eventlog.ErrOutcomeUnknown)
	release()
	for _, err := range append(log.AppendBatch(testContext(t), drafts), log.Append(testContext(t), postRead(1, 3))) {
		requireRefused(t, err, eventlog.ErrClosed)
	}
	b := setup(t, brokers, func(c *eventlog.Config) { *c = cfg })
	require.NoError(t, b.AppendBulk(testContext(t), drafts))
	appendedIDs := ids(t, b.Log, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[partitionOf(t, b, 1)])
	slices.Sort(appendedIDs)
	require.Equal(t, idsOf(readings(1, 1, 4)), slices.Compact(appendedIDs))
}

// Concurrent callers share requests, and each gets its own answers; a key's records keep their
// order.
func testBatches(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	var group sync.WaitGroup
	for account := range 40 {
		group.Go(func() {
			for round := range 3 {
				if err := errors.Join(b.AppendBatch(testContext(t), readings(int64(account+1), 5*round, 5*round+5))...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	got := map[string][]string{}
	for _, records := range scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics}) {
		for _, r := range records {
			got[string(r.Key)] = append(got[string(r.Key)], r.Header("ce_id"))
		}
	}
	require.Len(t, got, 40)
	for account := range 40 {
		require.Equal(t, idsOf(readings(int64(account+1), 0, 15)), got[strconv.Itoa(account+1)])
	}
	require.Empty(t, b.AppendBatch(testContext(t), nil))
}

// Some records of a batch are refused, by the log or by the producer: each has its own outcome and
// does not affect the others. A caller that repeats the whole batch gets ErrRefused only if nothing
// can be in the log.
func TestAppendBatchReportsOutcomePerRecord(t *testing.T) {
	t.Parallel()
	_, b := embedded(t)
	b = withMorePartitions(t, b)
	operations := func() int64 { return b.end(t, domain.TopicOperations, 0) }

	nameless := paused(9)
	nameless.Key = ""
	errs := b.AppendBatch(testContext(t), []domain.Draft{postRead(1, 1), paused(1), postRead(2, 1), nameless, paused(2)})
	require.Len(t, errs, 5)
	requireRefused(t, errs[3], eventlog.ErrEmptyKey)
	for _, refused := range []int{0, 2} {
		requireRefused(t, errs[refused], eventlog.ErrPartitionCount)
	}
	require.NoError(t, errors.Join(errs[1], errs[4]))
	require.ErrorIs(t, b.AppendBulk(testContext(t), []domain.Draft{paused(9), nameless}), eventlog.ErrEmptyKey)
	require.Equal(t, int64(2), operations(), "an import's batch is appended whole or not at all")

	err := b.AppendBulk(testContext(t), []domain.Draft{postRead(1, 1), paused(3)})
	require.ErrorIs(t, err, eventlog.ErrPartitionCount, "the first error is returned")
	require.ErrorIs(t, err, eventlog.ErrOutcomeUnknown, "the other record is in the log")
	require.NotErrorIs(t, err, eventlog.ErrRefused)
	require.Equal(t, int64(3), operations())

	requireRefused(t, b.AppendBulk(testContext(t), []domain.Draft{postRead(1, 1), postRead(2, 1)}), eventlog.ErrPartitionCount)
	require.Empty(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics}))
}

// A deadline does not wait for the brokers and is no success: the records are appended later, in
// order.
func TestTimedOutAppendBatchHasUnknownOutcome(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	delayed, release := holdProduce(t, cluster, b.wire(domain.TopicMetrics))
	reason := errors.New("the time slot has ended")
	ctx := endsWhen(t, delayed, reason)
	drafts := []domain.Draft{postRead(1, 1), postRead(1, 2), postRead(2, 1)}
	for _, err := range b.AppendBatch(ctx, drafts) {
		require.ErrorIs(t, err, eventlog.ErrOutcomeUnknown)
		require.ErrorIs(t, err, reason)
		require.NotErrorIs(t, err, eventlog.ErrRefused)
	}
	for _, err := range b.AppendBatch(ctx, drafts) {
		require.ErrorIs(t, err, eventlog.ErrRefused, "ctx was done before anything was passed to the client")
	}
	later := make(chan []error, 1)
	go func() { later <- b.AppendBatch(testContext(t), []domain.Draft{postRead(1, 3)}) }()
	release()
	require.NoError(t, errors.Join(<-later...))
	one := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics, Key: "1"})[partitionOf(t, b, 1)]
	require.Equal(t, idsOf(readings(1, 1, 4)), ids(t, b.Log, one))
}

// givesUp is a context that ends as soon as someone waits for its end.
type givesUp struct {
	context.Context //nolint:containedctx // it is one

	cancel func()
}

func (g givesUp) Done() <-chan struct{} {
	g.cancel()
	return g.Context.Done()
}

// While brokers do not answer, a limited number of records may wait; the next caller waits for room
// and gives up with its ctx. Such records are not appended later.
func TestAppendBatchLimitsUnacknowledgedRecords(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	_, release := holdProduce(t, cluster, b.wire(domain.TopicMetrics))
	first := make(chan error, 1)
	go func() { first <- b.AppendBulk(testContext(t), readings(1, 0, eventlog.MaxBulk)) }()
	ledgertest.Eventually(t, func() bool { return b.HandedOver() == eventlog.MaxBulk })
	waits, cancel := context.WithCancel(context.Background())
	requireRefused(t, b.AppendBulk(givesUp{waits, cancel}, []domain.Draft{postRead(1, 1)}), context.Canceled)
	release()
	require.NoError(t, <-first)
	require.Equal(t, int64(eventlog.MaxBulk), b.end(t, domain.TopicMetrics, partitionOf(t, b, 1)))
}

// answerProduce answers produce requests with an error of the broker; before the first answer it
// closes the connection of the given number of requests.
func answerProduce(cluster *kfake.Cluster, lost int, refusal *kerr.Error) {
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if lost--; lost >= 0 {
			return nil, errors.New("the connection broke"), true
		}
		return ledgertest.Refuse(request, refusal), nil, true
	})
}

// What a broker refuses is not in the log, and the caller learns the reason at once. After an
// attempt without an answer, the same refusal leaves the outcome open: that attempt may be in the
// log.
func TestRefusalIsDefiniteOnlyOnFirstAttempt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refusal *kerr.Error
		lost    int
		refused bool
	}{
		{kerr.InvalidTimestamp, 0, true},
		{kerr.MessageTooLarge, 0, true},
		{kerr.InvalidRecord, 0, true},
		{kerr.PolicyViolation, 0, true},
		{kerr.TopicAuthorizationFailed, 0, true},
		{kerr.ClusterAuthorizationFailed, 0, true},
		{kerr.InvalidRequiredAcks, 0, true},
		{kerr.CorruptMessage, 0, true},
		{kerr.UnknownServerError, 0, false},
		{kerr.InvalidTimestamp, 1, false},
		{kerr.MessageTooLarge, 1, false},
	} {
		t.Run(c.refusal.Message+strconv.Itoa(c.lost), func(t *testing.T) {
			t.Parallel()
			for name, appended := range map[string]func(*bench) error{
				"one":     func(b *bench) error { return b.Append(testContext(t), postRead(1, 1)) },
				"a batch": func(b *bench) error { return b.AppendBatch(testContext(t), []domain.Draft{postRead(1, 1)})[0] },
				"a bulk":  func(b *bench) error { return b.AppendBulk(testContext(t), []domain.Draft{postRead(1, 1)}) },
				"a command": func(b *bench) error {
					d, _ := (&stream{codec: b.Codec(), key: agency}).next()
					return b.Append(testContext(t), d)
				},
			} {
				cluster, b := embedded(t)
				answerProduce(cluster, c.lost, c.refusal)
				err := appended(b)
				require.ErrorIs(t, err, c.refusal, name)
				require.Equal(t, c.refused, errors.Is(err, eventlog.ErrRefused), "%s: %s", name, err)
				require.Equal(t, !c.refused, errors.Is(err, eventlog.ErrOutcomeUnknown), name)
				refused, ok := errors.AsType[domain.NotAppendedError](err)
				require.Equal(t, c.refused, ok, name)
				if ok {
					require.Equal(t, c.refusal.Message, refused.Reason)
				}
			}
		})
	}
}

// A leader that could not replicate in time may have written the record, so a later refusal leaves
// the outcome open.
func TestRefusalAfterTimeoutHasUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, first := range []*kerr.Error{kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend} {
		cluster, b := embedded(t)
		answers := []*kerr.Error{first, kerr.InvalidTimestamp}
		cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			answer := answers[0]
			answers = answers[len(answers)-1:]
			return ledgertest.Refuse(request, answer), nil, true
		})
		err := b.Append(testContext(t), postRead(1, 1))
		require.ErrorIs(t, err, kerr.InvalidTimestamp)
		require.ErrorIs(t, err, eventlog.ErrOutcomeUnknown, first.Message)
	}
}

// An append belongs to the log that it was made for: if the topic is deleted and created again while
// the append waits, nothing of it lands in the new topic.
func TestAppendIsNotWrittenToRecreatedTopic(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"an append waits", "before the first append", "before the next append"} {
		cluster, b := embedded(t)
		s := stream{codec: b.Codec(), key: agency}
		d, _ := s.next()
		if when != "before the first append" {
			require.NoError(t, b.Append(testContext(t), d))
			require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
		}
		appended := make(chan error, 2)
		start := func() {
			d, _ := s.next()
			go func() { appended <- b.Append(testContext(t), d) }()
			go func() { appended <- b.Append(testContext(t), postRead(1, 2)) }()
		}
		release := func() {}
		if when == "an append waits" {
			var delayed <-chan struct{}
			delayed, release = interruptProduce(t, cluster)
			start()
			<-delayed
			<-delayed
		}
		for _, topic := range []string{domain.TopicDashboards, domain.TopicMetrics} {
			spec := b.cfg.Topics[slices.IndexFunc(b.cfg.Topics, func(t eventlog.TopicSpec) bool { return t.Name == topic })]
			_, err := b.admin.DeleteTopic(testContext(t), b.wire(topic))
			require.NoError(t, err)
			_, err = b.admin.CreateTopic(testContext(t), spec.Partitions, 1, nil, b.wire(topic))
			require.NoError(t, err)
		}
		release()
		if when != "an append waits" {
			start()
		}
		for range 2 {
			require.ErrorIs(t, <-appended, kerr.UnknownTopicID, when)
		}
		for _, topic := range []string{domain.TopicDashboards, domain.TopicMetrics} {
			require.Empty(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: topic}))
		}
	}
}

// interruptProduce delays produce requests until release is called, and then closes their
// connections.
func interruptProduce(t *testing.T, cluster *kfake.Cluster) (delayed <-chan struct{}, release func()) {
	t.Helper()
	open, reached := make(chan struct{}), make(chan struct{}, 100)
	released := false
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if released {
			return nil, nil, false
		}
		reached <- struct{}{}
		cluster.SleepControl(func() { <-open })
		released = true
		return nil, errors.New("the connection broke"), true
	})
	release = sync.OnceFunc(func() { close(open) })
	t.Cleanup(release)
	return reached, release
}
