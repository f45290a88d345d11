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

// Uncompared is a [Projector] with tables that a comparison leaves out, because two folds of one log may differ in them.
type Uncompared interface {
	Uncompared() []string
}

// Compacted is a [Projector] of a compacted topic.
type Compacted interface {
	// LogKey is the key of the records that make the row of a table with these values of its primary key; false: of no records.
	LogKey(table string, row map[string]string) (key string, made bool)
}

// TimeTravel is a [Projector] of which a still generation may be made: of the events recorded up to a time.
type TimeTravel interface {
	TravelsInTime() bool
}

// TravelsInTime tells whether a projector is of [TimeTravel].
func TravelsInTime(p Projector) bool {
	travels, is := p.(TimeTravel)
	return is && travels.TravelsInTime()
}

// Personal is a [Projector] with tables that hold a person.
type Personal interface {
	// PersonRows are conditions in SQL, by table, that say which rows hold the person: $1 is the user's id, $2 the ids of his members, $3
	// those of his connections, $4 those of the accounts that go with him.
	PersonRows() map[string]string
}
