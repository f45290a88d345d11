package assembly

import (
	"fmt"

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
	return eventlog.OnOneBroker(topics, settings), err
}
