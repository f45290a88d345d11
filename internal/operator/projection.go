package operator

import (
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Projection is the status of a projection.
type Projection struct {
	Projection string  `json:"projection"`  // name of the projection
	Generation int     `json:"generation"`  // generation that readers use
	State      State   `json:"state"`       // state of that generation
	Lag        int64   `json:"lag_events"`  // exact number of events not yet folded, all partitions
	LagSeconds float64 `json:"lag_seconds"` // longest time that a partition has been behind without progress; 0 without lag
	// DeadLetters is the number of events that could not be folded. Each of dashboards stops a stream.
	DeadLetters int64 `json:"dead_letters"`
	// Ignored is the number of stale and invalid records of hash chains since this process last began
	// to fold.
	Ignored int64 `json:"ignored"`
	// Unknown is the number of events of types that this program does not know, since then.
	Unknown int64  `json:"unknown"`
	Problem string `json:"problem,omitempty"` // why the projection is stopped
	Paused  bool   `json:"paused"`            // whether an operator has paused the projection
	// Building lists the generations that are being built, of any version.
	Building []Generation `json:"building"`
	// TablesChecked is the latest comparison with the log; absent before the first one.
	TablesChecked *TablesChecked `json:"tables_checked,omitempty"`
	Partitions    []Partition    `json:"partitions"` // progress in each partition of its topic
	// For /readyz: tables of the current generation that are missing in the database, and whether
	// the first generation of this version is being rebuilt because an earlier generation became
	// unusable.
	TablesGone []string `json:"-"`
	Rebuilding bool     `json:"-"`
	// BuildFailed is true for a day if the newest generation, of any version, has failed, and while a
	// build fails again and again in the same way.
	BuildFailed bool `json:"-"`
}

// TablesChecked is the latest check of the tables that readers use.
type TablesChecked struct {
	At     time.Time `json:"at"`     // time of the check, UTC
	Equal  bool      `json:"equal"`  // whether the tables match the log
	Report string    `json:"report"` // id of the report in table_checks
}

// Live reports whether the projection has once reached the end of the log and may be read.
func (p Projection) Live() bool { return p.State == StateLive }

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

// State is the state of a generation: building, catching_up, live, dropped or failed.
type State string

// The states of a generation, in order. A generation that cannot be built, or becomes unusable, ends
// as failed.
const (
	StateBuilding   State = "building"    // one process folds the log into it in bulk
	StateCatchingUp State = "catching_up" // processes follow the log; not read yet
	StateLive       State = "live"        // processes follow the log; readers of its version use it
	StateDropped    State = "dropped"     // replaced, superseded or canceled
	StateFailed     State = "failed"      // could not be built, or became unusable
)

// Wait is what a build waits for.
type Wait string

// What builds wait for.
const (
	WaitsRetry   Wait = "retry"   // its last attempt failed
	WaitsStuck   Wait = "stuck"   // its last attempts failed in the same way
	WaitsResume  Wait = "resume"  // the projection is paused
	WaitsTables  Wait = "tables"  // the new tables are behind the live ones
	WaitsReports Wait = "reports" // a transaction that reads views began before the new tables were complete
	WaitsReaders Wait = "readers" // a transaction reads the tables that the switch replaces
)

// Text returns what people read about a wait; "" for none.
func (w Wait) Text() string {
	return map[Wait]string{
		WaitsRetry: "retrying after an error",
		WaitsStuck: "its last attempts failed in the same way: an operator must remove the cause, " +
			"which the log of the process that builds it names",
		WaitsResume: "the projection is paused; the switch waits until it is resumed",
		WaitsTables: "the new tables are behind the live ones; the switch is retried every 2 s",
		WaitsReports: "a transaction that reads views began before the new tables were complete and would see them empty; " +
			"the switch waits for it for at most an hour",
		WaitsReaders: "a transaction reads the tables that the switch replaces (pg_locks shows it); the switch is " +
			"retried every 2 s",
	}[w]
}

// Generation is one set of tables of a projection, built by one version of its projector. A rebuild
// is a generation that is being built.
type Generation struct {
	ID          string     `json:"id"`                     // <projection>.g<number>
	Projection  string     `json:"projection"`             // name of the projection
	Generation  int        `json:"generation"`             // number of the generation
	Version     int        `json:"version"`                // version of the projector that builds it
	State       State      `json:"state"`                  // state of the generation
	RequestedBy string     `json:"requested_by,omitempty"` // id of the operator; absent if its version had no tables
	Reason      string     `json:"reason,omitempty"`       // CODE or CODE:TICKET; absent likewise
	CreatedAt   time.Time  `json:"created_at"`             // time of the request, UTC
	StartedAt   *time.Time `json:"started_at,omitempty"`   // when a process began to build it; absent before
	LiveAt      *time.Time `json:"live_at,omitempty"`      // when readers first used it; absent before
	EndedAt     *time.Time `json:"ended_at,omitempty"`     // when it was dropped or failed; absent before
	EventsDone  int64      `json:"events_done"`            // number of folded records of those
	EventsTotal int64      `json:"events_total"`           // number of records in the topic when the build began
	Rate        float64    `json:"events_per_second"`      // average rate since the build began
	ETASeconds  *float64   `json:"eta_seconds,omitempty"`  // remaining time to fold those records; absent if unknown
	Waits       Wait       `json:"waits,omitempty"`        // what its build waits for; absent if it makes progress
	Error       string     `json:"error,omitempty"`        // why it ended, or why its build is retried
	Bytes       int64      `json:"bytes"`                  // size of tables and indexes; 0 while the log is copied into them
	Folded      bool       `json:"folded"`                 // whether a process is following the log into it
}

// Because describes the operator's reason for the build; "" if no operator requested it.
func (g Generation) Because() string {
	reason, _ := domain.ParseReason(g.Reason)
	return ReasonWords(reason)
}

// Problem returns what the build waits for, and why the generation ended or is built again; "" if
// there is nothing to say.
func (g Generation) Problem() string {
	if g.Waits == "" || g.Error == "" {
		return g.Waits.Text() + g.Error
	}
	return g.Waits.Text() + ": " + g.Error
}

// Unfinished reports whether the generation is being built.
func (g Generation) Unfinished() bool { return g.State == StateBuilding || g.State == StateCatchingUp }

// Canceled reports whether the build was canceled.
func (g Generation) Canceled() bool { return g.State == StateDropped && g.LiveAt == nil }

// Percent returns the progress of the build, from 0 to 100.
func (g Generation) Percent() int {
	if g.EventsTotal == 0 {
		return 0
	}
	return int(100 * min(g.EventsDone, g.EventsTotal) / g.EventsTotal)
}

// Left estimates the remaining time of the build; false: it is not known.
func (g Generation) Left() (time.Duration, bool) {
	if g.ETASeconds == nil {
		return 0, false
	}
	return time.Duration(*g.ETASeconds * float64(time.Second)), true
}
