package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Describe returns the topics of the log as the brokers describe them now, for operators. What is wrong with the
// settings of one stands in its Problem.
func (l *Log) Describe(ctx context.Context) ([]operator.Topic, error) {
	var topics []operator.Topic
	for _, spec := range l.codec.Topics() {
		topic, err := l.describeTopic(ctx, spec)
		if err != nil {
			return nil, err
		}
		if err := l.checkTopic(ctx, spec); errors.Is(err, ErrUnsafeTopic) {
			topic.Problem = err.Error()
		} else if err != nil {
			return nil, err
		}
		topics = append(topics, topic)
	}
	return topics, nil
}

func (l *Log) describeTopic(ctx context.Context, spec TopicSpec) (operator.Topic, error) {
	name := l.cfg.wireName(spec.Name)
	settings, err := l.settings(ctx, name)
	if err != nil {
		return operator.Topic{}, err
	}
	listed, err := l.admin.ListTopics(ctx, name)
	if err != nil {
		return operator.Topic{}, fmt.Errorf("list partitions of %s: %w", name, err)
	}
	ranges, _, err := l.Ranges(ctx, spec.Name)
	if err != nil {
		return operator.Topic{}, err
	}
	ends := map[int32]PartitionRange{}
	for _, r := range ranges {
		ends[r.Partition] = r
	}
	topic := operator.Topic{Name: spec.Name, Settings: settings, Partitions: []operator.TopicPartition{}}
	partitions := map[int32]kadm.PartitionDetail(listed[name].Partitions)
	for _, number := range slices.Sorted(maps.Keys(partitions)) {
		p := partitions[number]
		topic.Partitions = append(topic.Partitions, operator.TopicPartition{
			Partition: number, Leader: p.Leader, Replicas: len(p.Replicas), InSync: len(p.ISR), Start: ends[number].Start, End: ends[number].End,
		})
	}
	return topic, nil
}

// DeleteGroup deletes a consumer group. One that is not there is deleted already; of one whose members are about to leave,
// brokers forget the positions by themselves.
func (l *Log) DeleteGroup(ctx context.Context, group string) error {
	answers, err := l.admin.DeleteGroups(ctx, group)
	if err == nil {
		err = answers[group].Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.NonEmptyGroup) {
		return fmt.Errorf("delete consumer group %s: %w", group, err)
	}
	return nil
}
