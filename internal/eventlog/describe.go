package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errTopicMissing = errors.New("there is no such topic on the brokers")

// topicState is what the brokers say about a topic now.
type topicState struct {
	name     string // on the brokers
	id       TopicID
	leaders  map[int32]int32 // by partition; -1: none at present
	replicas int             // of the partition that has the fewest
}

// describe asks the brokers. kadm's ListTopics answers from a cache: the id of a topic that was
// deleted and created again would be the old one, and a checkpoint of another log would pass.
func (l *Log) describe(ctx context.Context, topic string) (topicState, error) {
	d := topicState{name: l.cfg.wireName(topic), leaders: map[int32]int32{}}
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &d.name
	req.Topics = append(req.Topics, asked)
	resp, err := req.RequestWith(ctx, l.client)
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
		return d, fmt.Errorf("describe topic %s: %w", d.name, err)
	}
	d.id = resp.Topics[0].TopicID
	for _, p := range resp.Topics[0].Partitions {
		d.leaders[p.Partition] = p.Leader
		if d.replicas == 0 || len(p.Replicas) < d.replicas {
			d.replicas = len(p.Replicas)
		}
	}
	return d, nil
}

// Timestamps with a special meaning in ListOffsets requests.
const (
	listLatest   = -1
	listEarliest = -2
)

// listOffsets returns an offset for every partition of d, or an error.
func (l *Log) listOffsets(ctx context.Context, d topicState, timestamp int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = d.name
	for p := range d.leaders {
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = p, timestamp
		topic.Partitions = append(topic.Partitions, partition)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, l.client) // kgo splits it by leaders and retries moved ones
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", d.name, err)
	}
	offsets := map[int32]int64{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", d.name, p.Partition, err)
			}
			offsets[p.Partition] = p.Offset
		}
	}
	if len(offsets) != len(d.leaders) {
		return nil, fmt.Errorf("list offsets of %s: %d of %d partitions answered", d.name, len(offsets), len(d.leaders))
	}
	return offsets, nil
}
