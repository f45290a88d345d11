package fold

// HoldsUp is a [Projector] where a parked event holds up those behind it.
type HoldsUp interface {
	HoldsUp(key string, partition int32) bool
}

// Spanning is a [Projector] of which one row may come from several partitions: one fold gets all of them.
type Spanning interface {
	SpansPartitions() bool
}

// SpansPartitions tells whether a projector is [Spanning].
func SpansPartitions(p Projector) bool {
	spanning, is := p.(Spanning)
	return is && spanning.SpansPartitions()
}

// Compacted is a [Projector] of a compacted topic.
type Compacted interface {
	// LogKey is the key of the records that make the row of a table with these values of its primary key; false: of no records.
	LogKey(table string, row map[string]string) (key string, made bool)
}
