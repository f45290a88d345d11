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

const (
	topicReadyTime   = 30 * time.Second // for the partitions of a new topic to get leaders
	brokersReadyTime = 15 * time.Second // for the configured brokers to start
)

var (
	errFewBrokers = errors.New("fewer brokers are up than configured")
	errNoBrokers  = errors.New("the cluster reports no brokers, so topics cannot be created; " +
		"check that the cluster has formed, and restart")
)

// ErrNoTopic means that a topic is missing and [Config.Existing] forbids creating it.
var ErrNoTopic = errors.New("the log does not exist yet")

// createMissing creates missing topics, unless [Config.Existing] is set. It does not change existing
// topics: [Log.Check] reports what is wrong with them, and an operator fixes it.
func (c *cluster) createMissing(ctx context.Context) error {
	missing, brokers, err := c.creatable(ctx)
	if err != nil {
		return err
	}
	for _, spec := range missing {
		if err := c.create(ctx, spec, brokers, false); err != nil {
			return err
		}
	}
	for _, spec := range missing {
		if err := c.awaitLeaders(ctx, spec); err != nil {
			return err
		}
	}
	return nil
}

// creatable returns the missing topics and the number of brokers, and changes nothing. It returns an
// error if nothing may be created: an existing topic is unsafe, since it may be another
// application's, [Config.MayCreate] forbids it, the brokers would refuse one of the missing topics,
// or [Log.Check] could not read its settings later.
func (c *cluster) creatable(ctx context.Context) (missing []TopicSpec, brokers int, err error) {
	var unsafe []error
	for _, spec := range c.codec.Topics() {
		switch err := c.checkTopic(ctx, spec, false); {
		case errors.Is(err, errTopicMissing):
			missing = append(missing, spec)
		case errors.Is(err, ErrUnsafeTopic):
			unsafe = append(unsafe, err)
		case err != nil:
			return nil, 0, err
		}
	}
	switch {
	case len(missing) == 0:
		return nil, 0, nil
	case c.cfg.Existing:
		return nil, 0, fmt.Errorf("topic %s: %w", c.cfg.wireName(missing[0].Name), ErrNoTopic)
	case len(unsafe) > 0:
		return nil, 0, errors.Join(unsafe...)
	case c.cfg.MayCreate != nil:
		if err := c.cfg.MayCreate(ctx, missing); err != nil {
			return nil, 0, fmt.Errorf("topic %s is missing: %w", c.cfg.wireName(missing[0].Name), err)
		}
	}
	if brokers, err = c.awaitBrokers(ctx); err != nil {
		return nil, 0, err
	}
	for _, spec := range missing {
		_, err := c.settings(ctx, c.cfg.wireName(spec.Name)) // brokers check the right before they look for the topic
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			err = c.create(ctx, spec, brokers, true)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return missing, brokers, nil
}

func (c *cluster) create(ctx context.Context, spec TopicSpec, brokers int, onlyValidate bool) error {
	name := c.cfg.wireName(spec.Name)
	replicas := min(spec.ReplicationFactor, int16(brokers))
	settings := maps.Clone(spec.Configs)
	settings["min.insync.replicas"] = strconv.Itoa(int(min(spec.insyncReplicas(), replicas)))
	configs := map[string]*string{}
	for key, value := range settings {
		configs[key] = &value
	}
	create := c.admin.CreateTopics
	if onlyValidate {
		create = c.admin.ValidateCreateTopics
	}
	responses, err := create(ctx, spec.Partitions, replicas, configs, name)
	response := responses[name]
	if err == nil {
		err = missingRight(brokersReason(response.Err, response.ErrMessage), "Create")
	}
	if errors.Is(err, kerr.TopicAlreadyExists) { // another process is starting too
		return nil
	}
	if err != nil {
		return fmt.Errorf("create topic %s with %d partitions, %d replicas, %v: %w",
			name, spec.Partitions, replicas, settings, err)
	}
	if onlyValidate {
		return nil
	}
	if replicas < spec.ReplicationFactor {
		c.log.WarnContext(ctx, "topic has fewer replicas than defined, because there are not enough brokers",
			"topic", name, "replicas", replicas, "defined", spec.ReplicationFactor)
	}
	c.log.InfoContext(ctx, "topic created", "topic", name, "partitions", spec.Partitions, "settings", settings)
	return nil
}

// brokersReason adds a broker's own words to its error.
func brokersReason(err error, message string) error {
	if err == nil || message == "" {
		return err
	}
	return fmt.Errorf("%w (the broker says: %s)", err, message)
}

// missingRight adds to the refusal of a request which right the user of the brokers lacks. Brokers
// name only the resource.
func missingRight(err error, right string) error {
	for _, refusal := range []error{
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
	} {
		if errors.Is(err, refusal) {
			return fmt.Errorf("the user of the brokers lacks the right %s (docs/operators.md lists the rights): %w", right, err)
		}
	}
	return err
}

// awaitBrokers returns the number of brokers, which is at least 1. Brokers may start one after
// another, and a topic keeps the number of replicas that it was created with. For this reason,
// awaitBrokers waits up to brokersReadyTime for as many brokers as topics have replicas, or as many
// as are configured if these are fewer.
func (c *cluster) awaitBrokers(ctx context.Context) (count int, err error) {
	wanted := 0
	for _, spec := range c.codec.Topics() {
		wanted = max(wanted, min(int(spec.ReplicationFactor), len(c.cfg.Brokers)))
	}
	return countBrokers(ctx, wanted, func(ctx context.Context) (int, error) {
		brokers, err := c.admin.ListBrokers(ctx)
		return len(brokers), err
	})
}

func countBrokers(ctx context.Context, wanted int, list func(context.Context) (int, error)) (count int, err error) {
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		listed, err := list(ctx)
		if err != nil {
			return struct{}{}, backoff.Permanent(fmt.Errorf("list brokers: %w", err))
		}
		if count = listed; count < wanted {
			return struct{}{}, errFewBrokers
		}
		return struct{}{}, nil
	},
		backoff.WithBackOff(backoff.NewConstantBackOff(250*time.Millisecond)),
		backoff.WithMaxElapsedTime(brokersReadyTime),
	)
	if errors.Is(err, errFewBrokers) && ctx.Err() == nil {
		err = nil // the creation of the topic logs it
		if count == 0 {
			err = fmt.Errorf("tried for %s: %w", brokersReadyTime, errNoBrokers)
		}
	}
	return count, err
}

// awaitLeaders waits until each partition of a new topic has a leader. Brokers acknowledge the
// creation earlier.
func (c *cluster) awaitLeaders(ctx context.Context, spec TopicSpec) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		described, err := c.describe(ctx, spec.Name)
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
		return fmt.Errorf("wait for topic %s: %w", c.cfg.wireName(spec.Name), err)
	}
	return nil
}
