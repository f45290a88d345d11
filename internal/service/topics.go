package service

import (
	"fmt"
	"maps"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Topics are the definitions of the log's topics.
func Topics() ([]eventlog.TopicSpec, error) {
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return nil, fmt.Errorf("read topic definitions: %w", err)
	}
	return topics, nil
}

// EmbeddedTopics are the topics as a single broker inside of a process keeps them, whose own settings lie
// over theirs: it must never compact or expire.
func EmbeddedTopics(settings map[string]string) ([]eventlog.TopicSpec, error) {
	topics, err := Topics()
	for i, topic := range topics {
		topics[i].ReplicationFactor = 1
		topics[i].Configs = maps.Clone(topic.Configs)
		maps.Copy(topics[i].Configs, settings)
	}
	return topics, err
}
