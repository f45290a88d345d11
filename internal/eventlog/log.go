package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"github.com/ledgerboard/ledgerboard/domain"
)

var (
	errUnknownTopic = errors.New("unknown topic") // not in [Config.Topics]
	errClosed       = errors.New("the log is closed")
)

// cluster describes, checks, creates and reads topics, for a [Log] and for a [Target].
type cluster struct {
	cfg   Config
	codec Codec
	log   *slog.Logger

	client *kgo.Client // metadata, raw fetches, bulk produce
	admin  *kadm.Client
	// decompressor is the client's, which limits the decompressed size. Raw fetches need it.
	decompressor kgo.Decompressor
}

// Log is the event log on a Kafka cluster. It is safe for concurrent use.
type Log struct {
	*cluster

	// `dashboards` has its own producer, so that a command never waits for a batch of readings; all
	// other topics share one.
	dashboards, otherTopics *producer
	failures                *failures

	close  sync.Once
	closed error
}

// Open connects both clients, creates missing topics and runs [Log.Check]. An error that wraps
// [ErrUnsafeTopic] names the commands that fix the topics. The caller must close the log.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	others, options := newProducer(cfg, maxBulk, cmp.Or(cfg.linger, bulkLinger), compressed())
	cl, err := newCluster(ctx, cfg, options)
	if err != nil {
		return nil, fmt.Errorf("open event log: %w", err)
	}
	dashboards, options := newProducer(cfg, maxSingle, 0, kgo.NoCompression())
	if dashboards.client, err = kgo.NewClient(append(cl.cfg.kgoOptions(), options...)...); err != nil {
		cl.client.Close()
		return nil, fmt.Errorf("open event log: %w", err)
	}
	others.client = cl.client
	l := &Log{cluster: cl, dashboards: dashboards, otherTopics: others, failures: newFailures(cfg.Topics)}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open event log at %v: %w", cfg.Brokers, err), l.Close())
	}
	return l, nil
}

// newCluster creates a cluster without connecting. It warns if connections are not encrypted.
func newCluster(ctx context.Context, cfg Config, producing []kgo.Opt) (*cluster, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	cfg.Registry = cmp.Or(cfg.Registry, domain.NewRegistry())
	cfg.warnings = &warnings{logged: map[string]time.Time{}}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if open := cfg.unencryptedBrokers(); len(open) > 0 {
		cfg.Logger.WarnContext(ctx, "TLS is disabled: the log and the credentials are readable on the network; "+
			"set LEDGERBOARD_KAFKA_TLS", "brokers", open)
	}
	options := append(cfg.kgoOptions(), producing...)
	metrics := clientMetrics{prometheus.NewRegistry()}
	if cfg.Metrics != nil {
		options = append(options, kgo.WithHooks(
			kprom.NewMetrics("ledgerboard", kprom.Subsystem("kafka"), kprom.Registry(metrics.Registry))))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(metrics); err != nil {
			client.Close()
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	cl := &cluster{
		cfg: cfg, codec: NewCodec(cfg.Registry, cfg.Topics, source), log: cfg.Logger,
		client: client, admin: kadm.NewClient(client),
	}
	cl.decompressor, _ = client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	return cl, nil
}

// clientMetrics collects the metrics of one client from a registry of their own: kprom panics if a
// metric is already registered, and removes its metrics when the client closes.
type clientMetrics struct{ *prometheus.Registry }

var clientMetricsDesc = prometheus.NewDesc("ledgerboard_kafka", "Metrics of the Kafka client.", nil, nil)

func (clientMetrics) Describe(to chan<- *prometheus.Desc) { to <- clientMetricsDesc }

// reach checks the addresses, TLS and SASL. It does not repeat what they may be the cause of.
func (c *cluster) reach(ctx context.Context) error {
	client, err := kgo.NewClient(c.cfg.kgoOptions()...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("no broker answers (%s): %w", c.cfg.lookAt(err), err)
	}
	return nil
}

func (l *Log) open(ctx context.Context) error {
	if err := l.reach(ctx); err != nil {
		return err
	}
	if err := settled(ctx, l.log, l.createMissing); err != nil {
		return err
	}
	err := settled(ctx, l.log, l.Check)
	if errors.Is(err, ErrUnsafeTopic) && l.cfg.Unsafe != nil {
		l.cfg.Unsafe(err)
		err = nil
	}
	if err != nil {
		return err
	}
	l.bindTopics(ctx)
	if l.cfg.Metrics != nil {
		return l.cfg.Metrics.Register(l.failures.count)
	}
	return nil
}

// bindTopics makes the producers append to the topics that exist now: kgo keeps the id of a topic
// from the first record on and accepts no other one. The records are refused, because they have no
// key.
func (l *Log) bindTopics(ctx context.Context) {
	for _, spec := range l.codec.Topics() {
		l.producer(spec.Name).client.ProduceSync(ctx, &kgo.Record{Topic: l.cfg.wireName(spec.Name)})
	}
}

func (l *Log) producer(topic string) *producer {
	if topic == domain.TopicDashboards {
		return l.dashboards
	}
	return l.otherTopics
}

// Close waits up to 15 s for appends in progress and disconnects. An error that wraps
// [ErrOutcomeUnknown] means that some appends were not acknowledged. Close followers and stop scans
// first. Close may be called more than once.
func (l *Log) Close() error { return l.closeWithin(15 * time.Second) }

func (l *Log) closeWithin(limit time.Duration) error {
	l.close.Do(func() {
		errs := make([]error, 2)
		var closing sync.WaitGroup
		for i, p := range []*producer{l.dashboards, l.otherTopics} {
			closing.Go(func() {
				errs[i] = p.close(limit)
				p.client.Close()
			})
		}
		closing.Wait()
		l.closed = errors.Join(errs...)
	})
	return l.closed
}

// Codec returns the log's codec.
func (c *cluster) Codec() Codec { return c.codec }

// Decode decodes a record like [Codec.Decode]. It also returns [ErrMalformed] for a record in a
// partition that its key does not belong to.
func (c *cluster) Decode(r Record) (domain.Recorded, error) {
	e, err := c.codec.Decode(r)
	if home := PartitionOf(r.Key, c.codec.topics[r.Topic].Partitions); err == nil && home != r.Partition {
		err = fmt.Errorf("%w: its key belongs to partition %d", ErrMalformed, home)
	}
	return e, err
}

func (c *cluster) spec(topic string) (TopicSpec, error) {
	spec, ok := c.codec.topics[topic]
	if !ok {
		return TopicSpec{}, fmt.Errorf("%w %q", errUnknownTopic, topic)
	}
	return spec, nil
}

// openRetryTime bounds how long [Open] retries while leaders are elected and new topics become
// known to all brokers.
const openRetryTime = 30 * time.Second

// settled runs a step of startup and retries it on temporary errors: after a topic was created or
// while a broker restarts, some brokers may not know the topic or its leader yet. If no broker
// answers, settled fails immediately.
func settled(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, time.Second
	var logged bool
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := do(ctx)
		if err != nil && !unsettled(err) {
			err = backoff.Permanent(err)
		} else if err != nil && !logged {
			logged = true
			log.WarnContext(ctx, "the brokers are not ready yet; retrying",
				"at_most", openRetryTime.String(), "error", err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(openRetryTime))
	if err != nil && unsettled(err) {
		err = fmt.Errorf("tried for %s: %w", openRetryTime, err)
	}
	return err
}

// unsettled reports whether a request may succeed a moment later. A topic that is reported as
// missing was found or created before, so the broker does not know the topic yet. An unsafe topic
// stays unsafe even if a temporary error is joined to the finding.
func unsettled(err error) bool {
	if errors.Is(err, ErrUnsafeTopic) {
		return false
	}
	protocol, ok := errors.AsType[*kerr.Error](err)
	return ok && protocol.Retriable || errors.Is(err, errTopicMissing)
}
