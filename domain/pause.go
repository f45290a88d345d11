package domain

import "time"

// PauseKind is what an operator may pause.
type PauseKind string

// The kinds of pauses.
const (
	PauseProjection PauseKind = "projection" // its folding; the name is the projection's
	PausePlatform   PauseKind = "platform"   // its fetching; the name is that of [Platform.String]
	PauseConnection PauseKind = "connection" // the reading of its accounts; the name is its id in decimal digits
)

// Pause is one that holds now.
type Pause struct {
	Kind   PauseKind `json:"kind"`  // projection, platform or connection
	Name   string    `json:"name"`  // of the projection or platform; the id of the connection
	Since  time.Time `json:"since"` // UTC
	Actor  string    `json:"actor"` // who paused it
	Reason Reason    `json:"reason"`
}

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
