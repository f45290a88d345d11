package domain

import "time"

// OperationsKeyAll is the key on `operations` of what concerns no single agency.
const OperationsKeyAll = "-"

// Position names one record of the log.
type Position struct {
	Topic     string `json:"topic"`     // its name
	Partition int32  `json:"partition"` // of the topic
	Offset    int64  `json:"offset"`    // of the record
}

// ForeignRecord is a record in the log that nobody of ours wrote: where it lies and why it counts for nothing.
type ForeignRecord struct {
	Position

	Reason string    `json:"reason"` // for people; it may quote what the record says
	Seen   time.Time `json:"met_at"` // first, by the clock of the process that met it
	// Claims is the id that its key is, as that of an agency's stream; "" where it is none. Whoever wrote the record could write any.
	Claims string `json:"claims,omitempty"`
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

// Connection states.
const (
	ConnectionOK        = "ok"
	ConnectionReconnect = "reconnect" // the platform refused the token for good; a person must sign in again
)

// ConnectionStateChanged says that a connection began or ceased to work. It is appended once per
// change, on `operations` under the agency's key.
type ConnectionStateChanged struct {
	ConnectionID int64     `json:"connection_id"`
	AccountID    string    `json:"account_id,omitempty"` // the sub-account that it belonged to; "" in old records
	MemberID     int64     `json:"member_id,omitempty"`  // whose it was; 0 in old records
	Platform     Platform  `json:"p_id"`
	State        string    `json:"state"`
	Reason       string    `json:"reason,omitempty"`
	At           time.Time `json:"at"`
}

// EventType implements [Data].
func (ConnectionStateChanged) EventType() string { return "operations.connection_state_changed.v1" }

// Validate checks what a fold relies on.
func (e ConnectionStateChanged) Validate() error { return checkPlatform(e.Platform) }

// DataImported says that an operator brings in data of the system before this one, or the main
// application's entities from files. It stands before the first of them, so that what an interrupted
// import left behind is on record too; an import that changes nothing leaves none. Numbers are what is
// about to be appended.
type DataImported struct {
	Files           []ImportedFile `json:"files"`
	Entities        int            `json:"entities"`
	Connections     int            `json:"connections"`
	Tokens          int            `json:"tokens,omitempty"` // of connections, that are sealed; absent: none
	Users           int            `json:"users"`            // that get a password
	Dashboards      int            `json:"dashboards"`
	Posts           int            `json:"posts"`
	AccountReadings int            `json:"account_readings"`
	PostReadings    int            `json:"post_readings"`
	Repaired        int            `json:"repaired"` // what was taken out of link sets, users and scopes
	Refused         int            `json:"refused"`  // rows that are left out
}

// ImportedFile is a file as it was read. Its name is without its directory.
type ImportedFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}

// EventType implements [Data].
func (DataImported) EventType() string { return "operations.data_imported.v1" }

// ProjectionPaused says that an operator made a projection stand still. Nothing writes it: pauses are recorded
// by [OperatorActed].
type ProjectionPaused struct {
	Projection string `json:"projection"`
	Reason     string `json:"reason"`
}

// EventType implements [Data].
func (ProjectionPaused) EventType() string { return "operations.projection_paused.v1" }

// ProjectionResumed ends a pause; it is written as [ProjectionPaused] is.
type ProjectionResumed struct {
	Projection string `json:"projection"`
	Reason     string `json:"reason"`
}

// EventType implements [Data].
func (ProjectionResumed) EventType() string { return "operations.projection_resumed.v1" }
