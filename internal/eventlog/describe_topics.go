package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
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
	if _, err := l.spec(topic); err != nil {
		return topicState{}, err
	}
	d := topicState{name: l.cfg.wireName(topic), leaders: map[int32]int32{}}
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = new(d.name)
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

// offsets asks for an offset of every partition of d: list is kadm's way to its start or its end.
func offsets(ctx context.Context, d topicState, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (map[int32]kadm.ListedOffset, error) {
	listed, err := list(ctx, d.name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", d.name, err)
	}
	if got := len(listed[d.name]); got != len(d.leaders) {
		return nil, fmt.Errorf("list offsets of %s: %d of %d partitions answered", d.name, got, len(d.leaders))
	}
	return listed[d.name], nil
}

// leaderAnswersWithin is how long [Log.TakesRecords] waits for the leaders.
const leaderAnswersWithin = time.Second

// TakesRecords asks the leader of each partition of a topic where it ends: an error means that one does not answer now, so that
// changes wait or fail.
func (l *Log) TakesRecords(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, leaderAnswersWithin)
	defer cancel()
	described, err := l.describe(ctx, topic)
	if err != nil {
		return err
	}
	_, err = offsets(ctx, described, l.admin.ListEndOffsets)
	return err
}
