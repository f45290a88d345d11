package operator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// DeadLetterReason is the kind of reason for which an event could not be folded.
type DeadLetterReason string

// The reasons.
const (
	ReasonMalformed   DeadLetterReason = "malformed"    // the envelope of the event is invalid
	ReasonUnknownType DeadLetterReason = "unknown_type" // this program does not know the type of the event
	ReasonUndecodable DeadLetterReason = "undecodable"  // the payload of the event cannot be decoded or is invalid
	ReasonRefused     DeadLetterReason = "refused"      // the projector cannot fold the event
	ReasonWrite       DeadLetterReason = "write"        // the database refused a value of the event
	ReasonChainBroken DeadLetterReason = "chain_broken" // the event does not fit the hash chain of its stream
)

// DeadLetter is an event in the log that a projection could not fold. On dashboards, it stops the
// stream of its agency.
type DeadLetter struct {
	ID         string            `json:"id"`         // <projection>-<partition>-<offset>
	Projection string            `json:"projection"` // projection that could not fold the event
	Topic      string            `json:"topic"`      // topic of the record
	Partition  int32             `json:"partition"`  // partition of the topic
	Offset     int64             `json:"offset"`     // offset of the record
	Stream     string            `json:"stream"`     // key of the record
	Type       string            `json:"type"`       // full name of the event type
	EventID    string            `json:"event_id"`   // event id in the envelope
	EventTime  *time.Time        `json:"event_time"` // time of the event; null if the envelope cannot be read
	Reason     DeadLetterReason  `json:"reason"`     // kind of reason
	Params     map[string]string `json:"params"`     // details of the reason, such as rule, sqlstate or column
	StoppedAt  int64             `json:"stopped_at"` // version of the event, at which its stream has stopped; 0 if no stream has
	// Waiting is the number of later events of the stream, which wait for this one; null if it is not
	// known, because the event breaks the chain and no later record continues it.
	Waiting   *int64 `json:"waiting"`
	FoldAgain bool   `json:"fold_again"` // whether the stream is about to be folded again from its start
}

// Position returns the position of the event in the log.
func (d DeadLetter) Position() domain.Position {
	return domain.Position{Topic: d.Topic, Partition: d.Partition, Offset: d.Offset}
}

// StopsStream reports whether the event has stopped a stream, which can be folded again.
func (d DeadLetter) StopsStream() bool { return d.StoppedAt > 0 }

// Skippable reports whether the event can be skipped. A skip cannot repair a broken chain.
func (d DeadLetter) Skippable() bool { return d.StopsStream() && d.Reason != ReasonChainBroken }

// Text describes the reason for operators.
func (d DeadLetter) Text() string {
	p := d.Params
	switch d.Reason {
	case ReasonMalformed:
		return "The envelope of the record is invalid. Show the record to see what is wrong."
	case ReasonUnknownType:
		return "This version of the program does not know the type of the event."
	case ReasonUndecodable:
		return "The payload cannot be decoded or is invalid. Show the record to see what is wrong."
	case ReasonWrite:
		parts := []string{"The database refused a value: SQLSTATE " + p["sqlstate"]}
		for _, name := range []string{"table", "column", "constraint"} {
			if p[name] != "" {
				parts = append(parts, name+" "+p[name])
			}
		}
		return strings.Join(parts, ", ") + "."
	case ReasonChainBroken:
		return "The record does not fit the hash chain of its stream: the log was damaged or changed."
	}
	switch p["rule"] {
	case "too_long":
		return fmt.Sprintf("A text in the envelope has %s bytes; the maximum is %s.", p["bytes"], p["maximum"])
	case "misplaced":
		return "Events of this type do not belong on this topic."
	case "wrong_key":
		return "The key of the record is not that of its payload."
	case "no_dashboard":
		return "The event changes a dashboard that does not exist and that it does not create."
	default:
		return "The projection cannot process the event."
	}
}

// DeadLetterFilter selects dead letters.
type DeadLetterFilter struct {
	ID, Projection, Stream string // "": all

	Limit int    // maximum number; 0: all
	After string // id of the last dead letter of the previous page
}

// DeadRecord is a dead letter with its record in the log.
type DeadRecord struct {
	DeadLetter

	Error   string         `json:"error"`   // why the record cannot be decoded, with its values; empty if it can be
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

// StreamFolded is the result of folding a stopped stream again.
type StreamFolded struct {
	Stream string `json:"stream"` // id of the agency
	// Stopped is the event at which the stream has stopped again; null if all its events are in the
	// tables.
	Stopped *DeadLetter `json:"stopped"`
}

// DeadLetters formats a number of dead letters: "1 dead letter", "2 dead letters".
func DeadLetters(n int64) string { return strings.Replace(Events(n), "event", "dead letter", 1) }

// Events formats a number of events: "1 event", "2 events".
func Events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
