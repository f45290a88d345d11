package domain

import "time"

// PauseKind is what an operator may pause.
type PauseKind string

// The kinds of pauses.
const (
	PauseProjection PauseKind = "projection" // its folding; the name is the projection's
	PausePlatform   PauseKind = "platform"   // its fetching; the name is that of [Platform.String]
)

// Pause is one that holds now.
type Pause struct {
	Kind   PauseKind `json:"kind"`
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Actor  string    `json:"actor"` // who paused it
	Reason Reason    `json:"reason"`
}
