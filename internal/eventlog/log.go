package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// errUnknownTopic says that a topic is not defined in [Config.Topics].
var errUnknownTopic = errors.New("unknown topic")

// errClosed says that the log was closed before the call; nothing was appended.
var errClosed = errors.New("the log is closed")

// cluster is what a log and a restore know of the brokers and do with their topics: it describes, checks, makes and reads them.
type cluster struct {
	cfg   Config
	codec Codec
	log   *slog.Logger

	client *kgo.Client // metadata, raw fetches, bulk produce
	admin  *kadm.Client
	// decompressor is client's, with its bound: raw fetches are unpacked by themselves.
	decompressor kgo.Decompressor
}

// Log is the event log on a Kafka cluster. It is safe for concurrent use.
type Log struct {
	*cluster

	// One producer of its own for `dashboards`, so that a command never waits behind a batch of
	// readings; one for all other topics.
	dashboards, others *producer

	bulk *openAppends // in client

	close  sync.Once
	closed error
}

// Open connects both clients, creates the topics that are missing, and runs Check. Its error
// says what is wrong and which command mends it; [Config.Unsafe] takes findings instead. The caller must Close the log.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	cl, err := newCluster(ctx, cfg, bulkOptions(cfg))
	if err != nil {
		return nil, fmt.Errorf("open event log: %w", err)
	}
	l := &Log{cluster: cl, bulk: newOpenAppends(maxBulk)}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open event log at %v: %w", cfg.Brokers, err), l.Close())
	}
	return l, nil
}

// newCluster is one whose brokers nobody has spoken to yet. It warns when nothing will encrypt what is said to them.
func newCluster(ctx context.Context, cfg Config, producing []kgo.Opt) (*cluster, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if open := cfg.inTheOpen(); len(open) > 0 {
		cfg.Logger.WarnContext(ctx, "brokers are spoken to without TLS: whoever is on the way reads the log and the password, and can write; "+
			"set LEDGERBOARD_KAFKA_TLS", "brokers", open)
	}
	client, err := kgo.NewClient(append(cfg.kgoOptions(), producing...)...)
	if err != nil {
		return nil, err
	}
	cl := &cluster{cfg: cfg, codec: NewCodec(cfg.Registry, cfg.Topics, source), log: cfg.Logger, client: client, admin: kadm.NewClient(client)}
	cl.decompressor, _ = client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	return cl, nil
}

// reach asks whether a broker answers.
func (cl *cluster) reach(ctx context.Context) error {
	if err := cl.client.Ping(ctx); err != nil {
		return fmt.Errorf("no broker answers (%s): %w", cl.cfg.lookAt(err), err)
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
	if l.dashboards, err = newProducer(l.cfg); err != nil {
		return err
	}
	l.others, err = newProducer(l.cfg)
	return err
}

// closePatience bounds how long Close waits for brokers that do not answer.
const closePatience = 15 * time.Second

// Close waits for the appends under way, up to 15 s, and disconnects; an error that wraps
// [ErrOutcomeUnknown] says that some were not answered. Stop [Log.Follow] and [Log.Scan] first.
// It may be called more than once.
func (l *Log) Close() error { return l.closeWithin(closePatience) }

func (l *Log) closeWithin(patience time.Duration) error {
	l.close.Do(func() {
		errs := make([]error, 3)
		var ended sync.WaitGroup
		for i, p := range []*producer{l.dashboards, l.others} {
			if p != nil {
				ended.Go(func() { errs[i] = p.close(patience, p.publisher.Close) })
			}
		}
		ended.Go(func() { errs[2] = l.bulk.close(patience, func() error { return nil }) })
		ended.Wait()
		l.client.Close()
		l.closed = errors.Join(errs...)
	})
	return l.closed
}

// Codec returns the log's codec.
func (cl *cluster) Codec() Codec { return cl.codec }

// Decode reads a record strictly, as [Codec.Decode] does; one that lies in another partition than its key's is [ErrMalformed].
func (cl *cluster) Decode(r Record) (domain.Recorded, error) {
	e, err := cl.codec.Decode(r)
	if home := PartitionOf(r.Key, cl.codec.topics[r.Topic].Partitions); err == nil && home != r.Partition {
		err = fmt.Errorf("%w: its key belongs to partition %d", ErrMalformed, home)
	}
	return e, err
}

// spec returns the definition of a topic, or [errUnknownTopic].
func (cl *cluster) spec(topic string) (TopicSpec, error) {
	spec, ok := cl.codec.topics[topic]
	if !ok {
		return TopicSpec{}, fmt.Errorf("%w %q", errUnknownTopic, topic)
	}
	return spec, nil
}
