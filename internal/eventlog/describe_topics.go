package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

var errTopicMissing = errors.New("the topic does not exist on the brokers")

type topicState struct {
	name       string // on the brokers
	id         TopicID
	partitions map[int32]kmsg.MetadataResponseTopicPartition
}

// describe queries the brokers. kadm's ListTopics uses a cache: after a topic was deleted and
// created again, it could return the old id, and a checkpoint of another log would be accepted.
func (c *cluster) describe(ctx context.Context, topic string) (topicState, error) {
	if _, err := c.spec(topic); err != nil {
		return topicState{}, err
	}
	d := topicState{name: c.cfg.wireName(topic), partitions: map[int32]kmsg.MetadataResponseTopicPartition{}}
	req := kmsg.NewPtrMetadataRequest()
	requested := kmsg.NewMetadataRequestTopic()
	requested.Topic = new(d.name)
	req.Topics = append(req.Topics, requested)
	resp, err := req.RequestWith(ctx, c.client)
	if err == nil && len(resp.Topics) != 1 {
		err = errTopicMissing
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = errTopicMissing
	}
	if err != nil {
		return d, fmt.Errorf("describe topic %s: %w", d.name, missingRight(err, "Describe (part of Read and Write)"))
	}
	d.id = resp.Topics[0].TopicID
	for _, p := range resp.Topics[0].Partitions {
		d.partitions[p.Partition] = p
	}
	return d, nil
}

// offsets returns the start or end offsets of all partitions; list is the kadm function for them.
func offsets(
	ctx context.Context, d topicState, list func(context.Context, ...string) (kadm.ListedOffsets, error),
) (map[int32]kadm.ListedOffset, error) {
	listed, err := list(ctx, d.name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", d.name, err)
	}
	if got := len(listed[d.name]); got != len(d.partitions) {
		return nil, fmt.Errorf("list offsets of %s: got %d of %d partitions", d.name, got, len(d.partitions))
	}
	return listed[d.name], nil
}

// TakesRecords queries the end offset of each partition from its leader. It returns an error if the
// leaders do not all answer within a second; changes then wait or fail.
func (c *cluster) TakesRecords(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	described, err := c.describe(ctx, topic)
	if err != nil {
		return err
	}
	_, err = offsets(ctx, described, c.admin.ListEndOffsets)
	return err
}

// Describe returns the current state of the topics on the brokers, for operators.
func (c *cluster) Describe(ctx context.Context) ([]operator.Topic, error) {
	var topics []operator.Topic
	for _, spec := range c.codec.Topics() {
		topic, ranges, err := c.describeTopic(ctx, spec)
		if err != nil {
			return nil, err
		}
		err = errors.Join(c.checkTopic(ctx, spec, true), c.checkBeginning(spec, ranges))
		if errors.Is(err, ErrUnsafeTopic) {
			topic.Problem = err.Error()
		} else if err != nil {
			return nil, err
		}
		topics = append(topics, topic)
	}
	return topics, nil
}

func (c *cluster) describeTopic(
	ctx context.Context, spec TopicSpec,
) (topic operator.Topic, ranges []PartitionRange, err error) {
	topic = operator.Topic{Name: spec.Name, Partitions: []operator.TopicPartition{}}
	described, err := c.describe(ctx, spec.Name)
	if err == nil {
		topic.Settings, err = c.settings(ctx, described.name)
	}
	if err == nil {
		ranges, err = c.ranges(ctx, described)
	}
	for _, r := range ranges {
		p := described.partitions[r.Partition]
		topic.Partitions = append(topic.Partitions, operator.TopicPartition{
			Partition: r.Partition, Leader: p.Leader, Replicas: len(p.Replicas), InSync: len(p.ISR),
			Start: r.Start, End: r.End,
		})
	}
	return topic, ranges, err
}
