package domain

// ParkedFacts holds the facts for the decision to skip a record: the state of the record in each
// live set of tables that has passed it.
type ParkedFacts struct {
	In []ParkedIn
	// Broken is the position of a record of the stream that does not fit its chain and is
	// unresolved; nil if the chain is intact.
	Broken *Position
}

// ParkedIn is the state of a record in one generation.
type ParkedIn struct {
	Generation int
	State      string // parked, skipped or left_out; "" if the record is folded
	Reason     string // why the record is parked
	Stream     string // key under which the record is parked
}

// Values of table parked that decisions use.
const (
	stateParked       = "parked"
	stateSkipped      = "skipped"
	reasonChainBroken = "chain_broken"
	reasonBehind      = "behind"
)

// ErrNothingParked is returned for a record that is not, or no longer, parked.
var ErrNothingParked = NewError(CodeConflict,
	"The event is not parked. It has been folded, or was never parked. Nothing was skipped. "+
		"List the parked events and check again.")

// DecideSkip decides whether a parked record of a stream may be left out permanently:
//
//  1. A record that is already skipped needs no second skip: the result is nil without an error.
//  2. A record that is folded everywhere is not skipped.
//  3. A record that is folded in one set of tables but not in another is not skipped: the tables of
//     two versions would differ. The newer program retries it.
//  4. A record that does not fit its chain is not skipped, nor is any record of its stream: only a
//     restore repairs a chain.
//  5. A record that only waits for an earlier one is not skipped: it has no known fault.
func DecideSkip(f ParkedFacts, stream string, skip ParkedSkipped) (Data, error) {
	parked := 0
	for _, in := range f.In {
		if in.State == stateSkipped && in.Stream == stream {
			return nil, nil
		}
		if in.State != "" && in.Stream == stream {
			parked++
		}
	}
	if parked == 0 {
		return nil, ErrNothingParked
	}
	for _, in := range f.In {
		switch {
		case in.State == "":
			return nil, NewError(CodeConflict,
				"Generation %d of the tables has folded the event, but another has not. Nothing was skipped. "+
					"Retry the event with the program version that folded it, or drop the tables of the other "+
					"generation.", in.Generation)
		case in.Reason == reasonChainBroken:
			return nil, NewError(CodeConflict,
				"The event does not fit its chain, and a skip cannot repair the chain. Nothing was skipped. "+
					"Restore the log.")
		case in.State != stateParked:
			return nil, NewError(CodeConflict,
				"The event is %s and does not block other events. Nothing was skipped.", in.State)
		case in.Reason == reasonBehind:
			return nil, NewError(CodeConflict, "This event is only waiting for an earlier event in its stream. "+
				"Nothing was skipped. Skip or retry that event.")
		}
	}
	if f.Broken != nil {
		return nil, NewError(CodeConflict,
			"The chain of this stream is broken at %s, partition %d, offset %d, and a skip cannot repair it. "+
				"Nothing was skipped. Restore the log.", f.Broken.Topic, f.Broken.Partition, f.Broken.Offset)
	}
	return skip, nil
}

// ParkedSkipped tells the dashboards projection to skip a parked record permanently. It is the next
// record of the same chain, and the only one that a parked stream accepts. The skipped record must
// precede it under the same key and must fit the chain; otherwise the skip has no effect.
type ParkedSkipped struct {
	Position Position `json:"position"`          // position of the skipped record
	Version  int64    `json:"version,omitempty"` // version of that record in the stream; absent in old records
	Reason   Reason   `json:"reason"`            // the operator's reason
}

// EventType implements [Data].
func (ParkedSkipped) EventType() string { return "operator.parked_skipped.v1" }
