package eventlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// TopicSpec defines a topic. Partitions is fixed forever, because it determines the partition of a
// key.
type TopicSpec struct {
	Name       string `json:"name"`       // the domain's name, for example [domain.TopicMetrics]
	Partitions int32  `json:"partitions"` // 1 or more
	// ReplicationFactor is requested at creation and checked by [Log.Check], up to the number of
	// brokers.
	ReplicationFactor int16             `json:"replication_factor"`
	Configs           map[string]string `json:"configs"`   // Kafka topic settings at creation
	Compacted         bool              `json:"compacted"` // the last record of a key wins; an empty value erases
	Chained           bool              `json:"chained"`   // records carry ce_chainversion and ce_chainprev
}

// ParseTopics parses deploy/topics.json. It refuses unknown fields, so that a misspelled setting is
// not ignored.
func ParseTopics(raw []byte) ([]TopicSpec, error) {
	var specs []TopicSpec
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&specs); err != nil {
		return nil, fmt.Errorf("parse topics: %w", err)
	}
	return specs, nil
}

// insyncReplicas returns the spec's min.insync.replicas, or 2: with 1, losing one broker can lose
// an acknowledged record.
func (t TopicSpec) insyncReplicas() int16 {
	n, err := strconv.ParseInt(t.Configs["min.insync.replicas"], 10, 16)
	if err != nil || n < 1 {
		return 2
	}
	return int16(n)
}

// OnOneBroker returns the topics for a single broker; settings override theirs.
func OnOneBroker(topics []TopicSpec, settings map[string]string) []TopicSpec {
	topics = slices.Clone(topics)
	for i, topic := range topics {
		topics[i].ReplicationFactor = 1
		topics[i].Configs = map[string]string{}
		maps.Copy(topics[i].Configs, topic.Configs)
		maps.Copy(topics[i].Configs, settings)
	}
	return topics
}
