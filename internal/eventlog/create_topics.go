package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kerr"
)

// topicReadyTime bounds the wait until every broker knows a topic that was just created.
const topicReadyTime = 30 * time.Second

// brokersReadyTime bounds the wait for brokers that are named and not there.
const brokersReadyTime = 15 * time.Second

var (
	errFewBrokers = errors.New("fewer brokers are there than are named")
	errNoBrokers  = errors.New("whoever was asked lists no broker at all, so that no topic can be made; " +
		"look whether the cluster has formed, and start again")
)

// ErrNoTopic says that a topic is missing and was not to be created ([Config.Existing]).
var ErrNoTopic = errors.New("the log is not there yet")

// createMissing creates the topics that are not there, unless none is to be created. A topic that exists is left
// as it is: what is wrong with it is for [Log.Check] to say and for an operator to mend.
func (cl *cluster) createMissing(ctx context.Context) error {
	brokers := 0 // not counted yet
	for _, spec := range cl.codec.Topics() {
		_, err := cl.describe(ctx, spec.Name)
		switch {
		case !errors.Is(err, errTopicMissing):
		case cl.cfg.Existing:
			err = fmt.Errorf("topic %s: %w", cl.cfg.wireName(spec.Name), ErrNoTopic)
		default:
			err = nil
			if brokers == 0 {
				brokers, err = cl.awaitBrokers(ctx)
			}
			if err == nil {
				err = cl.create(ctx, spec, brokers)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (cl *cluster) create(ctx context.Context, spec TopicSpec, brokers int) error {
	name := cl.cfg.wireName(spec.Name)
	replicas := min(spec.ReplicationFactor, int16(brokers))
	configs := map[string]*string{}
	for key, value := range spec.Configs {
		configs[key] = &value
	}
	insync := strconv.Itoa(int(min(spec.insyncReplicas(), replicas)))
	configs["min.insync.replicas"] = &insync
	_, err := cl.admin.CreateTopic(ctx, spec.Partitions, replicas, configs, name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) { // another process may be starting too
		return fmt.Errorf("create topic %s with %d partitions, %d replicas: %w", name, spec.Partitions, replicas, err)
	}
	if replicas < spec.ReplicationFactor {
		cl.log.WarnContext(ctx, "topic has fewer replicas than defined, because there are not enough brokers",
			"topic", name, "replicas", replicas, "defined", spec.ReplicationFactor)
	}
	cl.log.InfoContext(ctx, "topic created", "topic", name, "partitions", spec.Partitions, "settings", maps.Clone(spec.Configs))
	return cl.awaitLeaders(ctx, spec)
}

// awaitBrokers counts the brokers, and waits a while until as many are there as topics have replicas, or as are named: they come up one after the
// other, and a topic keeps for ever the replicas that it was made with. There is one at least, or an error.
func (cl *cluster) awaitBrokers(ctx context.Context) (there int, err error) {
	want := 0
	for _, spec := range cl.codec.Topics() {
		want = max(want, min(int(spec.ReplicationFactor), len(cl.cfg.Brokers)))
	}
	return countBrokers(ctx, want, func(ctx context.Context) (int, error) {
		brokers, err := cl.admin.ListBrokers(ctx)
		return len(brokers), err
	})
}

func countBrokers(ctx context.Context, want int, list func(context.Context) (int, error)) (there int, err error) {
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		listed, err := list(ctx)
		if err != nil {
			return struct{}{}, backoff.Permanent(fmt.Errorf("list brokers: %w", err))
		}
		if there = listed; there < want {
			return struct{}{}, errFewBrokers
		}
		return struct{}{}, nil
	}, backoff.WithBackOff(backoff.NewConstantBackOff(250*time.Millisecond)), backoff.WithMaxElapsedTime(brokersReadyTime))
	if errors.Is(err, errFewBrokers) && ctx.Err() == nil {
		err = nil // who makes the topic says so
		if there == 0 {
			err = fmt.Errorf("tried for %s: %w", brokersReadyTime, errNoBrokers)
		}
	}
	return there, err
}

// awaitLeaders waits until the topic can be written to: brokers answer the creation before all of
// them know the topic.
func (cl *cluster) awaitLeaders(ctx context.Context, spec TopicSpec) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		described, err := cl.describe(ctx, spec.Name)
		if err != nil {
			return struct{}{}, err
		}
		for _, p := range described.partitions {
			if p.Leader < 0 {
				return struct{}{}, fmt.Errorf("partition %d has no leader yet", p.Partition)
			}
		}
		return struct{}{}, nil
	}, backoff.WithMaxElapsedTime(topicReadyTime))
	if err != nil {
		return fmt.Errorf("await topic %s: %w", cl.cfg.wireName(spec.Name), err)
	}
	return nil
}
