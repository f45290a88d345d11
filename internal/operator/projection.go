package operator

import (
	"fmt"
	"time"
)

// Projection is the status of a projection.
type Projection struct {
	Projection string  `json:"projection"`        // name of the projection
	Generation int     `json:"generation"`        // generation that readers use
	State      State   `json:"state"`             // state of that generation
	Lag        int64   `json:"lag_events"`        // exact number of events not yet folded, all partitions
	LagSeconds float64 `json:"lag_seconds"`       // longest time that a partition has been behind without progress; 0 without lag
	Parked     int64   `json:"parked"`            // number of events that wait for an operator
	Stale      int64   `json:"stale"`             // lost races and duplicates skipped since this process last began to fold
	Problem    string  `json:"problem,omitempty"` // why the projection is stopped
	Paused     bool    `json:"paused"`            // whether an operator has paused the projection
	Building   []Build `json:"building"`          // generations being built, of any version
	// TablesChecked is the latest comparison with the log; absent before the first one.
	TablesChecked *TablesChecked `json:"tables_checked,omitempty"`
	Partitions    []Partition    `json:"partitions"` // progress in each partition of its topic
	// For /readyz: tables of the current generation that are missing in the database, and whether
	// the first generation of this version is being rebuilt because an earlier generation became
	// unusable.
	TablesGone []string `json:"-"`
	Rebuilding bool     `json:"-"`
}

// TablesChecked is the latest check of the tables that readers use.
type TablesChecked struct {
	At     time.Time `json:"at"`     // time of the check, UTC
	Equal  bool      `json:"equal"`  // whether the tables match the log
	Report string    `json:"report"` // id of the report in table_checks
}

// Live reports whether the projection has once reached the end of the log and may be read.
func (p Projection) Live() bool { return p.State == "live" }

// GenerationName returns projection.g<number>.
func (p Projection) GenerationName() string { return fmt.Sprintf("%s.g%d", p.Projection, p.Generation) }

// Partition is the progress of a projection in one partition of its topic.
type Partition struct {
	Partition    int32      `json:"partition"`            // number of the partition
	NextOffset   int64      `json:"next_offset"`          // first offset that is not folded
	EndOffset    int64      `json:"end_offset"`           // end offset of the log, exclusive
	LagSeconds   float64    `json:"lag_seconds"`          // how long the partition has been behind without progress; 0 without lag
	EventTime    *time.Time `json:"event_time,omitempty"` // time of the newest folded event
	ProgressedAt time.Time  `json:"progressed_at"`        // wall-clock time of the last batch, UTC
	Stopped      string     `json:"stopped,omitempty"`    // why the partition is not followed
}

// Build is a generation that is being built.
type Build struct {
	Generation int     `json:"generation"`      // number of the generation
	Version    int     `json:"version"`         // version of the projector
	State      State   `json:"state"`           // state of the generation
	Done       int64   `json:"events_done"`     // number of folded events
	Total      int64   `json:"events_total"`    // number of events to fold before it may be read
	Seconds    float64 `json:"elapsed_seconds"` // time since the start of the build
	Waits      string  `json:"waits,omitempty"` // what the rebuild waits for; absent while it makes progress
}

// Percent returns the progress, from 0 to 100.
func (b Build) Percent() int {
	if b.Total == 0 {
		return 0
	}
	return int(100 * min(b.Done, b.Total) / b.Total)
}

// Left estimates the remaining time from the average rate; false: the rate is not known yet.
func (b Build) Left() (time.Duration, bool) {
	if b.Done == 0 {
		return 0, false
	}
	return time.Duration(b.Seconds * float64(max(0, b.Total-b.Done)) / float64(b.Done) * float64(time.Second)), true
}

// Topic is a topic of the log as the brokers describe it.
type Topic struct {
	Name       string            `json:"name"`              // configured name
	Partitions []TopicPartition  `json:"partitions"`        // all partitions
	Settings   map[string]string `json:"settings"`          // settings on the brokers
	Problem    string            `json:"problem,omitempty"` // unsafe setting that could lose records or split streams
}

// TopicPartition is one partition of a topic.
type TopicPartition struct {
	Partition int32 `json:"partition"`        // number of the partition
	Leader    int32 `json:"leader"`           // broker id of the leader; -1 if there is no leader
	Replicas  int   `json:"replicas"`         // number of assigned replicas
	InSync    int   `json:"in_sync_replicas"` // number of replicas in sync
	Start     int64 `json:"start_offset"`     // offset of the first record that is kept
	End       int64 `json:"end_offset"`       // end offset, exclusive
}

// State is the state of a generation: copying, building, live, retired or dropped.
type State string

// Prepared is the result of preparing a generation of this program's version.
type Prepared struct {
	Projection string `json:"projection"`           // name of the projection
	Version    int    `json:"version"`              // version of this program's projector
	Generation int    `json:"generation,omitempty"` // generation that readers of this version use; 0 until it is built
	Already    bool   `json:"already"`              // whether the generation already existed, so that nothing was done
	// Rebuild builds the generation; absent if it already exists.
	Rebuild *Rebuild `json:"rebuild,omitempty"`
}

// Generation is one set of tables of a projection, built by one version of its projector.
type Generation struct {
	Projection string     `json:"projection"`           // name of the projection
	Generation int        `json:"generation"`           // number of the generation
	Version    int        `json:"version"`              // version of the projector that built it
	State      State      `json:"state"`                // "copying", "building", "live", "retired" or "dropped"
	Bytes      int64      `json:"bytes"`                // size of tables and indexes
	CreatedAt  time.Time  `json:"created_at"`           // creation time, UTC
	LiveAt     *time.Time `json:"live_at,omitempty"`    // when readers first used it
	RetiredAt  *time.Time `json:"retired_at,omitempty"` // when another generation replaced it
	Folded     bool       `json:"folded"`               // whether a process is folding events into it
}

// RebuildState is the state of a rebuild.
type RebuildState string

// The states of a rebuild, in order. The last three are final.
const (
	RebuildRequested  RebuildState = "requested"   // no process has started it
	RebuildCopying    RebuildState = "copying"     // folding the log in bulk
	RebuildIndexing   RebuildState = "indexing"    // building keys and indexes
	RebuildCatchingUp RebuildState = "catching_up" // folding events that arrived in the meantime
	RebuildSwitching  RebuildState = "switching"   // waiting to switch readers
	RebuildDone       RebuildState = "done"
	RebuildCanceled   RebuildState = "canceled"
	RebuildFailed     RebuildState = "failed"
)

// Rebuild is the build of a generation, or the rollback to an earlier one.
type Rebuild struct {
	ID          string       `json:"id"`                    // id of the rebuild
	Projection  string       `json:"projection"`            // name of the projection
	Version     int          `json:"version"`               // version of the projector
	Generation  int          `json:"generation,omitempty"`  // number of the generation; absent until it is created
	Back        bool         `json:"back,omitempty"`        // whether it is a rollback to an earlier generation
	State       RebuildState `json:"state"`                 // state of the rebuild
	RequestedBy string       `json:"requested_by"`          // id of the user or of the system actor
	Reason      string       `json:"reason"`                // CODE or CODE:TICKET
	RequestedAt time.Time    `json:"requested_at"`          // time of the request, UTC
	StartedAt   *time.Time   `json:"started_at,omitempty"`  // when a process started it; absent before
	FinishedAt  *time.Time   `json:"finished_at,omitempty"` // when it ended; absent before
	EventsDone  int64        `json:"events_done"`           // number of records folded in bulk
	EventsTotal int64        `json:"events_total"`          // number of records in the topic at the start
	Rate        float64      `json:"events_per_second"`     // recent rate
	ETASeconds  *float64     `json:"eta_seconds,omitempty"` // remaining time of the bulk fold; absent if unknown
	Error       string       `json:"error,omitempty"`       // why it failed, or what it waits for
}

// Name names the rebuild or rollback and its projection: "rebuild of contents".
func (r Rebuild) Name() string {
	if r.Back {
		return "rollback of " + r.Projection
	}
	return "rebuild of " + r.Projection
}

// Ended reports whether the rebuild is in a final state.
func (r Rebuild) Ended() bool {
	return r.State == RebuildDone || r.State == RebuildCanceled || r.State == RebuildFailed
}
