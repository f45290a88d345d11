package operator

import (
	"fmt"
	"time"
)

// Projection is what a projection tells of itself; ops, readiness and metrics show it.
type Projection struct {
	Projection string  `json:"projection"`        // its name
	Generation int     `json:"generation"`        // that readers use
	State      State   `json:"state"`             // of that generation
	Lag        int64   `json:"lag_events"`        // not yet folded, exact, over all partitions
	LagSeconds float64 `json:"lag_seconds"`       // how long the partition that waits longest has been seen behind without progress; 0 without lag
	Parked     int64   `json:"parked"`            // events that wait for an operator
	Stale      int64   `json:"stale"`             // lost races and duplicates since the start of this process
	Problem    string  `json:"problem,omitempty"` // why it does not run
	Paused     bool    `json:"paused"`            // by an operator
	Building   []Build `json:"building"`          // generations that are being made, of any version
	// TablesChecked is the latest comparison with the log; absent before the first one.
	TablesChecked *TablesChecked `json:"tables_checked,omitempty"`
	Partitions    []Partition    `json:"partitions"` // of its topic
	// What a process tells by /readyz: tables that somebody has dropped of the generation that readers use; and, while there is none, that it is made
	// anew because an earlier one of this version could not be used any more.
	TablesGone []string `json:"-"`
	Anew       bool     `json:"-"`
}

// TablesChecked is the latest check of the tables that readers use.
type TablesChecked struct {
	At     time.Time `json:"at"`     // UTC
	Equal  bool      `json:"equal"`  // they are what the log gives
	Report string    `json:"report"` // its id; the row of table_checks has all of it
}

// Live tells whether the projection has reached the end of the log once and may be read.
func (p Projection) Live() bool { return p.State == "live" }

// GenerationName is projection.g<number>.
func (p Projection) GenerationName() string { return fmt.Sprintf("%s.g%d", p.Projection, p.Generation) }

// Partition is the position of a projection in one partition of its topic.
type Partition struct {
	Partition    int32      `json:"partition"`            // of the topic
	NextOffset   int64      `json:"next_offset"`          // the first that is not folded
	EndOffset    int64      `json:"end_offset"`           // of the log, exclusive
	LagSeconds   float64    `json:"lag_seconds"`          // how long it has been seen behind without progress; 0 without lag
	EventTime    *time.Time `json:"event_time,omitempty"` // of the newest event folded
	ProgressedAt time.Time  `json:"progressed_at"`        // wall clock of the last batch, UTC
	Stopped      string     `json:"stopped,omitempty"`    // why it is not, or must not be, followed
}

// Build is a generation that is being made.
type Build struct {
	Generation int     `json:"generation"`      // its number
	Version    int     `json:"version"`         // of the projector that makes it
	State      State   `json:"state"`           // of that generation
	Done       int64   `json:"events_done"`     // that were folded
	Total      int64   `json:"events_total"`    // that it needs before it may be read
	Seconds    float64 `json:"elapsed_seconds"` // since it was begun
	Waits      string  `json:"waits,omitempty"` // what its rebuild waits for; absent when it goes on
}

// Percent is how much of it is made.
func (b Build) Percent() int {
	if b.Total == 0 {
		return 0
	}
	return int(100 * min(b.Done, b.Total) / b.Total)
}

// Left estimates from the rate so far how long it takes on; false: nothing is known of the rate yet.
func (b Build) Left() (time.Duration, bool) {
	if b.Done == 0 {
		return 0, false
	}
	return time.Duration(b.Seconds * float64(max(0, b.Total-b.Done)) / float64(b.Done) * float64(time.Second)), true
}

// Topic is a topic of the log as the brokers describe it now.
type Topic struct {
	Name       string            `json:"name"`              // as configured
	Partitions []TopicPartition  `json:"partitions"`        // all of them
	Settings   map[string]string `json:"settings"`          // as the brokers have them
	Problem    string            `json:"problem,omitempty"` // a setting with which the log could forget or split
}

// TopicPartition is one partition of a topic.
type TopicPartition struct {
	Partition int32 `json:"partition"`        // its number
	Leader    int32 `json:"leader"`           // broker; -1: none at present
	Replicas  int   `json:"replicas"`         // as assigned
	InSync    int   `json:"in_sync_replicas"` // those that have everything
	Start     int64 `json:"start_offset"`     // first offset that is kept
	End       int64 `json:"end_offset"`       // exclusive
}

// State is a generation's place in its life: copying, building, live, retired or dropped.
type State string

// Prepared is what came of the wish for a generation of this program's version.
type Prepared struct {
	Projection string `json:"projection"`           // its name
	Version    int    `json:"version"`              // of this program's projector
	Generation int    `json:"generation,omitempty"` // that readers of this version use; 0 until it is made
	Already    bool   `json:"already"`              // it is there and was there before: nothing was done
	// Rebuild makes it; absent when it is there already.
	Rebuild *Rebuild `json:"rebuild,omitempty"`
}

// Generation is one set of tables of a projection, made by one version of its projector.
type Generation struct {
	Projection string     `json:"projection"`           // whose tables they are
	Generation int        `json:"generation"`           // its number
	Version    int        `json:"version"`              // of the projector that made it
	State      State      `json:"state"`                // copying, building, live, retired or dropped
	Bytes      int64      `json:"bytes"`                // of tables and indexes
	CreatedAt  time.Time  `json:"created_at"`           // UTC
	LiveAt     *time.Time `json:"live_at,omitempty"`    // when readers used it first
	RetiredAt  *time.Time `json:"retired_at,omitempty"` // when another one replaced it
	Folded     bool       `json:"folded"`               // a process folds it now
}

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
