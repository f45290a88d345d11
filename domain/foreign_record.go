package domain

import "time"

// MaxForeignRecords is how many of a partition each process remembers, and the tables keep.
const MaxForeignRecords = 1000

// ForeignRecord is a record in the log that nobody of ours wrote: where it lies and why it counts for nothing.
type ForeignRecord struct {
	Position

	Reason string    `json:"reason"` // for people; it may quote what the record says
	Seen   time.Time `json:"met_at"` // first, by the clock of the process that met it
	// Claims is the id that its key is, as that of an agency's stream; "" where it is none. Whoever wrote the record could write any.
	Claims string `json:"claims,omitempty"`
}
