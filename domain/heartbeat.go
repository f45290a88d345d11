package domain

// Heartbeat is appended to each partition of a compacted topic that was silent for a day: the broker's cleaner leaves the segment
// alone that is written to, and only another record closes it. Projections pass over it; its key is its partition's alone.
type Heartbeat struct{}

// EventType implements [Data].
func (Heartbeat) EventType() string { return "log.heartbeat.v1" }
