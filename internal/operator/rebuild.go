package operator

import "time"

// RebuildState is how far a rebuild has come.
type RebuildState string

// The states of a rebuild, in their order; the last three are ends.
const (
	RebuildRequested  RebuildState = "requested"   // no process has taken it yet
	RebuildCopying    RebuildState = "copying"     // the log is folded in bulk
	RebuildIndexing   RebuildState = "indexing"    // keys and indexes are made
	RebuildCatchingUp RebuildState = "catching_up" // what came meanwhile is followed
	RebuildSwitching  RebuildState = "switching"   // it waits for the moment at which readers can be switched
	RebuildDone       RebuildState = "done"
	RebuildCancelled  RebuildState = "cancelled"
	RebuildFailed     RebuildState = "failed"
)

// Rebuild is the making of a generation, or the way back to one.
type Rebuild struct {
	ID          string       `json:"id"`                    // of the rebuild
	Projection  string       `json:"projection"`            // that is made anew
	Version     int          `json:"version"`               // of the projector
	Generation  int          `json:"generation,omitempty"`  // 0 until it is made
	Back        bool         `json:"back,omitempty"`        // to a generation that was made before
	State       RebuildState `json:"state"`                 // how far it is
	RequestedBy string       `json:"requested_by"`          // id of the user, or who else asked
	Reason      string       `json:"reason"`                // CODE or CODE:TICKET
	RequestedAt time.Time    `json:"requested_at"`          // UTC
	StartedAt   *time.Time   `json:"started_at,omitempty"`  // when a process took it; absent before
	FinishedAt  *time.Time   `json:"finished_at,omitempty"` // absent until it has ended
	EventsDone  int64        `json:"events_done"`           // records of the topic that were folded in bulk
	EventsTotal int64        `json:"events_total"`          // records of the topic at its start
	Rate        float64      `json:"events_per_second"`     // of late
	ETASeconds  *float64     `json:"eta_seconds,omitempty"` // until the bulk is folded; absent while unknown
	Error       string       `json:"error,omitempty"`       // why it failed, or what it waits for
}

// Ended tells whether nothing more happens to it.
func (r Rebuild) Ended() bool {
	return r.State == RebuildDone || r.State == RebuildCancelled || r.State == RebuildFailed
}
