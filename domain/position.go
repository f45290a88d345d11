package domain

// Position names one record of the log.
type Position struct {
	Topic     string `json:"topic"`     // its name
	Partition int32  `json:"partition"` // of the topic
	Offset    int64  `json:"offset"`    // of the record
}
