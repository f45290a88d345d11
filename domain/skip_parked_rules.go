package domain

// ParkedFacts is what a skip must see of the record that it names: how it stands in each set of tables that is followed
// and has come past it.
type ParkedFacts struct {
	In []ParkedIn
	// Broken is the position of a record of the stream that is no link of its chain and that nobody has looked after; nil:
	// the chain holds.
	Broken *Position
}

// ParkedIn is how a record stands in one generation.
type ParkedIn struct {
	Generation int
	State      string // parked, skipped or left_out; "": it is folded
	Reason     string // why it is parked
	Stream     string // key under which it is parked
}

// The words of table parked that a decision knows.
const (
	parkedWaits     = "parked"
	parkedSkipped   = "skipped"
	reasonOfBroken  = "chain_broken"
	reasonOfWaiting = "behind"
)

// ErrNothingParked refuses to skip what is not parked, or not any more.
var ErrNothingParked = NewError(CodeConflict,
	"The event is not parked: it is folded by now, or never was parked. Nothing was skipped; list what is parked and look again.")

// DecideSkip decides whether a parked record of a stream may be left out for good:
//
//  1. What is skipped already needs no second word: nil, nil.
//  2. What is folded everywhere is not skipped.
//  3. What is folded in one set of tables and not in another is retried by the newer program, not skipped: the tables of
//     two versions would differ.
//  4. A record that is no link of the chain is not skipped, nor is one of a stream that holds such a record: only a restore
//     heals a chain.
//  5. What only waits behind another is not skipped: nothing is known to be wrong with it.
func DecideSkip(f ParkedFacts, stream string, at Position, why Reason) (Data, error) {
	parked := 0
	for _, in := range f.In {
		if in.State == parkedSkipped && in.Stream == stream {
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
			return nil, NewError(CodeConflict, "Generation %d of the tables has folded the event, and another has not. Nothing was skipped; "+
				"retry it with the program that folded it, or drop the tables of the other.", in.Generation)
		case in.Reason == reasonOfBroken:
			return nil, NewError(CodeConflict, "The event is no link of its chain, which a skip does not heal. Nothing was skipped; "+
				"restore the log.")
		case in.State != parkedWaits:
			return nil, NewError(CodeConflict, "The event is %s and holds up nothing. Nothing was skipped.", in.State)
		case in.Reason == reasonOfWaiting:
			return nil, NewError(CodeConflict, "The event only waits behind an earlier one of its stream. Nothing was skipped; skip or retry that one.")
		}
	}
	if f.Broken != nil {
		return nil, NewError(CodeConflict, "The chain of this stream is broken at %s, partition %d, offset %d, which a skip does not heal. "+
			"Nothing was skipped; restore the log.", f.Broken.Topic, f.Broken.Partition, f.Broken.Offset)
	}
	return ParkedSkipped{Position: at, Reason: why}, nil
}

// ParkedSkipped tells the dashboards to leave a parked record out for good. It is the next record of the chain that
// it speaks of, so that live projection and rebuild meet it at the same place: the one record that a parked stream
// takes. What it names must lie before it under the same key, and have been a link of the chain; else it does nothing.
type ParkedSkipped struct {
	Position Position `json:"position"`
	Reason   Reason   `json:"reason"`
}

// EventType implements [Data].
func (ParkedSkipped) EventType() string { return "operator.parked_skipped.v1" }
