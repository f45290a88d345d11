package eventlog_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func TestAppendRefusesBeforeHandingOver(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	big := paused(1)
	big.Data = domain.ProjectionPaused{Reason: strings.Repeat("x", b.MaxRecordBytes())}
	with := func(change func(*domain.Draft)) domain.Draft {
		d := postRead(1, 1)
		change(&d)
		return d
	}
	for name, c := range map[string]struct {
		ctx   context.Context //nolint:containedctx // a case of the table
		draft domain.Draft
		cause error
	}{
		"too large":     {nil, big, eventlog.ErrRecordTooLarge},
		"empty key":     {nil, with(func(d *domain.Draft) { d.Key = "" }), eventlog.ErrEmptyKey},
		"unknown topic": {nil, with(func(d *domain.Draft) { d.Topic = "nonsense" }), eventlog.ErrInvalidDraft},
		"ctx has ended": {ended, postRead(1, 1), context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := c.ctx
			if ctx == nil {
				ctx = testContext(t)
			}
			for _, err := range []error{b.Append(ctx, c.draft), lanesAppend(t, b, ctx, c.draft)} {
				require.ErrorIs(t, err, c.cause)
				require.ErrorIs(t, err, eventlog.ErrRefused)
				require.NotErrorIs(t, err, eventlog.ErrOutcomeUnknown)
				var appendErr *eventlog.AppendError
				require.ErrorAs(t, err, &appendErr)
				require.False(t, appendErr.Unknown)
			}
		})
	}
	size, err := b.Size(big)
	require.NoError(t, err)
	require.Greater(t, size, b.MaxRecordBytes())
}

func lanesAppend(t *testing.T, b *bench, ctx context.Context, d domain.Draft) error {
	t.Helper()
	topic := d.Topic
	if topic == "nonsense" {
		topic = domain.TopicMetrics
	}
	lanes, err := b.NewLanes(eventlog.LaneConfig{Topic: topic})
	require.NoError(t, err)
	defer func() { require.NoError(t, lanes.Close()) }()
	return lanes.Append(ctx, d)
}

// The limit is exact: a record of just MaxRecordBytes is accepted by both clients and the broker.
func TestAppendUpToTheLimit(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	d := paused(1)
	small, err := b.Size(d)
	require.NoError(t, err)
	data := d.Data.(domain.ProjectionPaused)
	data.Reason += strings.Repeat("x", b.MaxRecordBytes()-small)
	d.Data = data
	size, err := b.Size(d)
	require.NoError(t, err)
	require.Equal(t, b.MaxRecordBytes(), size)
	require.NoError(t, b.Append(testContext(t), d))
	require.NoError(t, b.AppendBulk(testContext(t), []domain.Draft{d}))

	data.Reason += "x"
	d.Data = data
	require.ErrorIs(t, b.Append(testContext(t), d), eventlog.ErrRecordTooLarge)
	require.ErrorIs(t, b.AppendBulk(testContext(t), []domain.Draft{postRead(1, 1), d}), eventlog.ErrRecordTooLarge)
	require.Equal(t, int64(2), b.end(t, domain.TopicOperations, 0), "nothing of a refused batch is appended")
}

// holdProduce makes the broker sit on produce requests to a topic until release is called.
func holdProduce(t *testing.T, cluster *kfake.Cluster, topic string) (held <-chan struct{}, release func()) {
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

// The deadline does not wait for Publish, and what it leaves behind is an open outcome: here the
// record arrives after all.
func TestAppendDeadlineLeavesTheOutcomeOpen(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	b := setup(t, brokers)
	held, release := holdProduce(t, cluster, b.wire(domain.TopicOperations))
	reason := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(testContext(t))
	go func() {
		<-held
		cancel(reason)
	}()
	err := b.Append(ctx, paused(1))
	require.ErrorIs(t, err, eventlog.ErrOutcomeUnknown)
	require.ErrorIs(t, err, reason)
	require.NotErrorIs(t, err, eventlog.ErrRefused)
	require.Equal(t, int64(0), b.end(t, domain.TopicOperations, 0))
	release()
	require.Eventually(t, func() bool { return b.end(t, domain.TopicOperations, 0) == 1 }, awaitTime, awaitTick)
}

// notLeader answers produce requests as a broker does that was leader until just now.
func notLeader(asked *kmsg.ProduceRequest) kmsg.Response {
	resp := asked.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range asked.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// A broker that died comes back, or another one leads, after some seconds: an append waits for that instead
// of leaving its outcome open, and the record is there once.
func TestAppendRidesOutABrokersEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ refused, cut int }{
		"another leads soon":   {refused: 15},
		"none answers a while": {refused: 1, cut: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, brokers := newCluster(t)
			b := setup(t, brokers)
			require.NoError(t, b.Append(testContext(t), paused(1)))
			refused, cut := 0, 0
			cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
				if refused++; refused > c.refused {
					return nil, nil, false
				}
				cluster.KeepControl()
				return notLeader(request.(*kmsg.ProduceRequest)), nil, true
			})
			cluster.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
				if cut++; cut > c.cut {
					return nil, nil, false
				}
				cluster.KeepControl()
				return nil, errors.New("the broker is away"), true
			})
			require.NoError(t, b.Append(testContext(t), paused(2)))
			require.Equal(t, int64(2), b.end(t, domain.TopicOperations, 0))
		})
	}
}

// A command never waits behind readings: `dashboards` has a producer of its own.
func TestDashboardsHaveTheirOwnProducer(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	b := setup(t, brokers)
	held, release := holdProduce(t, cluster, b.wire(domain.TopicMetrics))
	reading := make(chan error, 1)
	go func() { reading <- b.Append(testContext(t), postRead(1, 1)) }()
	<-held
	s := stream{codec: b.Codec(), key: agency}
	d, _ := s.next()
	soon, cancel := context.WithTimeout(testContext(t), 10*time.Second) // a shared one waits 30 s for the broker
	defer cancel()
	require.NoError(t, b.Append(soon, d))
	require.Empty(t, reading)
	release()
	require.NoError(t, <-reading)
}

func TestAppendAfterClose(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	log, err := eventlog.Open(testContext(t), newConfig(t, brokers))
	require.NoError(t, err)
	require.NoError(t, log.Close())
	err = log.Append(testContext(t), postRead(1, 1))
	require.ErrorIs(t, err, eventlog.ErrClosed)
	require.ErrorIs(t, err, eventlog.ErrRefused)
	require.NoError(t, log.Close())
}

// A stop does not wait for brokers that do not answer: it says that something is left open.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	cfg := newConfig(t, brokers)
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	held, release := holdProduce(t, cluster, cfg.TopicOverrides[domain.TopicMetrics])
	appended := make(chan error, 1)
	go func() { appended <- log.Append(testContext(t), postRead(1, 1)) }()
	<-held
	require.ErrorIs(t, log.CloseWithin(time.Millisecond), eventlog.ErrOutcomeUnknown)
	release()
	require.NoError(t, <-appended, "what was handed over still gets its answer")
}

func TestOpenSaysThatNoBrokerAnswers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := eventlog.Open(ctx, eventlog.Config{Brokers: []string{"127.0.0.1:1"}, Topics: testTopics(t)})
	require.ErrorContains(t, err, "no broker answers")
}

func testLanes(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	lanes, err := b.NewLanes(eventlog.LaneConfig{Topic: domain.TopicMetrics})
	require.NoError(t, err)
	var group sync.WaitGroup
	for n := range 300 {
		group.Go(func() {
			if err := lanes.Append(testContext(t), postRead(int64(n%40+1), n)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.NoError(t, lanes.Close())
	require.NoError(t, lanes.Close())
	n := 0
	for _, records := range scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics}) {
		n += len(records)
	}
	require.Equal(t, 300, n)
	require.ErrorIs(t, lanes.Append(testContext(t), postRead(1, 1)), eventlog.ErrClosed)
	_, err = b.NewLanes(eventlog.LaneConfig{Topic: "nonsense"})
	require.ErrorIs(t, err, eventlog.ErrUnknownTopic)
}

// A lane holds InFlight + Depth records; the next caller waits, and gives up with its ctx. Nothing
// that gave up is appended later.
func TestFullLanePushesBack(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	b := setup(t, brokers)
	held, release := holdProduce(t, cluster, b.wire(domain.TopicMetrics))
	lanes, err := b.NewLanes(eventlog.LaneConfig{Topic: domain.TopicMetrics, Depth: 1, InFlight: 1})
	require.NoError(t, err)

	first := make(chan error, 1)
	leaving, leave := context.WithCancel(testContext(t))
	go func() { first <- lanes.Append(leaving, postRead(1, 1)) }()
	<-held

	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	gaveUp := make(chan error, 2) // one queued, one before a full lane
	for n := range 2 {
		go func() { gaveUp <- lanes.Append(short, postRead(1, 2+n)) }()
	}
	for range 2 {
		err := <-gaveUp
		require.ErrorIs(t, err, eventlog.ErrRefused)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Empty(t, first)
	leave()
	require.ErrorIs(t, <-first, eventlog.ErrOutcomeUnknown, "this one was handed over")
	release()
	require.NoError(t, lanes.Close())
	require.NoError(t, b.Close()) // waits for it
	b = setup(t, brokers, func(c *eventlog.Config) { c.TopicOverrides = b.cfg.TopicOverrides })
	require.Equal(t, int64(1), b.end(t, domain.TopicMetrics, partitionOf(t, b, 1)))
}
