package operator

// Topic is a topic of the log as the brokers describe it now.
type Topic struct {
	Name       string            `json:"name"`              // as configured
	Partitions []TopicPartition  `json:"partitions"`        // all of them
	Settings   map[string]string `json:"settings"`          // as the brokers have them
	Problem    string            `json:"problem,omitempty"` // a setting with which the log could forget or split
}

// TopicPartition is one partition of a topic.
type TopicPartition struct {
	Partition int32 `json:"partition"`        // its number
	Leader    int32 `json:"leader"`           // broker; -1: none at present
	Replicas  int   `json:"replicas"`         // as assigned
	InSync    int   `json:"in_sync_replicas"` // those that have everything
	Start     int64 `json:"start_offset"`     // first offset that is kept
	End       int64 `json:"end_offset"`       // exclusive
}
