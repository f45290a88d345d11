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
