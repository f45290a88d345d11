package deploy

import _ "embed"

//go:embed topics.json
var topics []byte

// Topics returns the definition of the log's topics as JSON, for eventlog.ParseTopics. The caller
// must not modify the result.
func Topics() []byte { return topics }
