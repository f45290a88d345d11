package domain

// EventSkipped tells the dashboards projection to leave out an earlier event of the same stream
// permanently, in every version of the tables. It is the only event that an operator may append to
// a stream that has stopped.
type EventSkipped struct {
	Version int64  `json:"version"` // version of the skipped event in the stream
	Reason  Reason `json:"reason"`  // the operator's reason
}

// EventType implements [Data].
func (EventSkipped) EventType() string { return "dashboard.event_skipped.v1" }

// Validate requires a version and a valid reason.
func (e EventSkipped) Validate() error {
	if e.Version < 1 {
		return NewError(CodeInvalid, "version %d is not the version of an event", e.Version)
	}
	return e.Reason.Validate()
}

// Skips are the versions of a stream that its skips leave out, each with the version of the skip.
// Everything that folds a stream asks them, so tables, replays and imports agree. A skip leaves out
// an earlier event, wherever the fold ends, and no skip leaves out a skip.
type Skips map[int64]int64

// Add adds the version that an effective event leaves out. It returns false if the event is not a
// skip of an earlier version, or if the version was left out before.
func (s Skips) Add(version int64, data Data) bool {
	skip, ok := data.(EventSkipped)
	if !ok || skip.Version >= version || s[skip.Version] > 0 {
		return false
	}
	s[skip.Version] = version
	return true
}

// LeaveOut reports whether an effective event has no effect.
func (s Skips) LeaveOut(version int64, data Data) bool {
	_, isSkip := data.(EventSkipped)
	return s[version] > 0 && !isSkip
}

// StreamStop is where a stream has stopped: its first version that the tables do not contain.
type StreamStop struct {
	Version   int64
	Broken    bool // the chain is broken there
	FoldAgain bool // the stream is about to be folded again from its start
}

// DecideSkip decides whether an event of a stream may be left out permanently. stop is where the
// stream has stopped; nil if it has not:
//
//  1. Only the event at which the stream has stopped is skipped. A repeated skip is a conflict, as
//     all repeated actions of operators are: its reason is not recorded in the stream.
//  2. While the stream is folded again, no event is skipped: where it stops next is not known yet.
//  3. If the chain is broken, no event is skipped: only a restore repairs a chain.
func DecideSkip(stop *StreamStop, skip EventSkipped) (Data, error) {
	switch {
	case stop == nil || stop.Version != skip.Version:
		return nil, NewError(CodeConflict,
			"The stream has not stopped at version %d, or not any more: the event may have been skipped already. "+
				"This request changed nothing. List the dead letters and check again.", skip.Version)
	case stop.FoldAgain:
		return nil, NewError(CodeConflict,
			"The stream is being folded again. Nothing was skipped. List the dead letters and check again.")
	case stop.Broken:
		return nil, NewError(CodeConflict,
			"The event does not fit its chain, and a skip cannot repair the chain. Nothing was skipped. "+
				"Restore the log.")
	}
	return skip, nil
}
