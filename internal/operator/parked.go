package operator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ParkedReason is the class of the problem of a parked event.
type ParkedReason string

// ParkedEvent is an event in the log that a projection has not folded.
type ParkedEvent struct {
	ID         string       `json:"id"`                           // <projection>-<partition>-<offset>
	Projection string       `json:"projection"`                   // projection that has not folded the event
	Topic      string       `json:"topic"`                        // topic of the record
	Partition  int32        `json:"partition"`                    // partition of the topic
	Offset     int64        `json:"offset"`                       // offset of the record
	Stream     string       `json:"stream"`                       // key of the record
	Type       string       `json:"type"`                         // full name of the event type
	EventID    string       `json:"event_id"`                     // event id in the envelope
	EventTime  *time.Time   `json:"event_time"`                   // time of the event; null if the envelope cannot be read
	Reason     ParkedReason `json:"reason"`                       // class of the problem
	Detail     string       `json:"detail"`                       // description of the problem
	State      string       `json:"state" words:"parked skipped"` // "parked" or "skipped"
	Behind     int64        `json:"behind"`                       // number of later events of the stream that wait for this event
}

// Position returns the position of the event in the log.
func (p ParkedEvent) Position() domain.Position {
	return domain.Position{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}
}

// Skippable reports whether the event can be the one that blocks its stream. A skip cannot repair a
// broken chain, and an event that waits for another has no fault of its own (see
// [domain.DecideSkip]).
func (p ParkedEvent) Skippable() bool {
	return p.State == "parked" && p.Reason != "chain_broken" && p.Reason != "behind"
}

// ParkedFilter selects parked events that match all non-empty fields.
type ParkedFilter struct {
	IDs        []string
	Projection string
	Stream     string
	State      string
	Limit      int    // maximum number of events; 0: all
	After      string // id of the last event of the previous page
}

// ParkedRecord is a parked event with its record in the log.
type ParkedRecord struct {
	ParkedEvent

	Headers []RecordHeader `json:"headers"` // headers of the record
	// Payload is the value of the record: JSON unchanged, anything else as a string; absent without
	// a value.
	Payload json.RawMessage `json:"payload,omitempty"`
	Bytes   int             `json:"bytes"` // size of the value
	// Gone is true if compaction has removed the record because a later record has the same key.
	Gone bool `json:"gone"`
}

// RecordHeader is one header of a record.
type RecordHeader struct {
	Key   string `json:"key"`   // name of the header
	Value string `json:"value"` // value; bytes that are not text are escaped
}

// RetryResult is the result of retrying parked events. An event that is folded in one generation
// but not in another stays parked.
type RetryResult struct {
	Folded int           `json:"folded"` // number of folded events
	Parked []StillParked `json:"parked"` // events that failed again; events that wait for them were not tried
}

// SkipResult is the result of skipping a parked event.
type SkipResult struct {
	ID      string        `json:"id"`      // id of the skipped event
	Already bool          `json:"already"` // whether the event had already been skipped, so that nothing was done
	Folded  int           `json:"folded"`  // number of waiting events that were folded
	Parked  []StillParked `json:"parked"`  // events of the stream that are still parked; the first one blocks the others
	// Unknown is true if the event was skipped but the waiting events could not be read: list the
	// parked events.
	Unknown bool `json:"unknown,omitempty"`
}

// StillParked is an event that still cannot be folded.
type StillParked struct {
	ID     string       `json:"id"`     // id of the parked event
	Reason ParkedReason `json:"reason"` // class of the problem
	Detail string       `json:"detail"` // description of the problem
}

// ParkedEvents formats a number of parked events: "1 parked event", "2 parked events".
func ParkedEvents[N int | int64](n N) string {
	return strings.Replace(Events(n), "event", "parked event", 1)
}

// Events formats a number of events: "1 event", "2 events".
func Events[N int | int64](n N) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
