package operator

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ParkedReason is the class under which an event is parked.
type ParkedReason string

// ParkedEvent is an event that is in the log and that a projection has not folded.
type ParkedEvent struct {
	ID         string       `json:"id"`                           // <projection>-<partition>-<offset>
	Projection string       `json:"projection"`                   // that has not folded it
	Topic      string       `json:"topic"`                        // that it lies on
	Partition  int32        `json:"partition"`                    // of the topic
	Offset     int64        `json:"offset"`                       // of the record
	Stream     string       `json:"stream"`                       // the record's key
	Type       string       `json:"type"`                         // of the event, its whole name
	EventID    string       `json:"event_id"`                     // as its envelope says
	EventTime  *time.Time   `json:"event_time"`                   // null when the envelope could not be read
	Reason     ParkedReason `json:"reason"`                       // class of what is wrong
	Detail     string       `json:"detail"`                       // what is wrong, in words
	State      string       `json:"state" words:"parked skipped"` // parked or skipped
	Behind     int64        `json:"behind"`                       // events of its stream that wait behind it
}

// Position is where the event lies in the log.
func (p ParkedEvent) Position() domain.Position {
	return domain.Position{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}
}

// ParkedFilter chooses parked events: those that are all that it says; what is empty does not choose.
type ParkedFilter struct {
	IDs        []string
	Projection string
	Stream     string
	State      string
	Limit      int    // 0: all
	After      string // id of the last event of the page before
}

// ParkedRecord is a parked event as it stands in the log.
type ParkedRecord struct {
	ParkedEvent

	Headers []RecordHeader `json:"headers"` // of the record
	// Payload is the value: JSON as it is, anything else as a text; absent when there is none.
	Payload json.RawMessage `json:"payload,omitempty"`
	Bytes   int             `json:"bytes"` // of the value
	// Gone says that compaction has removed the record: a later one of its key counts.
	Gone bool `json:"gone"`
}

// RecordHeader is one header of a record.
type RecordHeader struct {
	Key   string `json:"key"`   // its name
	Value string `json:"value"` // bytes that are no text are escaped
}

// RetryResult is what became of events that were folded again. One that is folded in one generation and not in
// another is parked still.
type RetryResult struct {
	Folded int           `json:"folded"` // events
	Parked []StillParked `json:"parked"` // tried in vain; those behind them were not tried
}

// SkipResult is what became of an event that was skipped, and of those behind it.
type SkipResult struct {
	ID      string        `json:"id"`      // the event that is left out
	Already bool          `json:"already"` // somebody had skipped it before: nothing was done
	Folded  int           `json:"folded"`  // events that had waited behind it
	Parked  []StillParked `json:"parked"`  // of its stream, still: the first of them holds up the others
	// Unknown says that the event is left out, and that those behind it could not be looked at: list what is parked.
	Unknown bool `json:"unknown,omitempty"`
}

// StillParked is an event that cannot be folded now either.
type StillParked struct {
	ID     string       `json:"id"`     // the parked event
	Reason ParkedReason `json:"reason"` // class of what is wrong
	Detail string       `json:"detail"` // what is wrong, in words
}

// ParkedEvents counts parked events in words: "1 parked event", "2 parked events".
func ParkedEvents[N int | int64](n N) string {
	if n == 1 {
		return "1 parked event"
	}
	return fmt.Sprintf("%d parked events", n)
}
