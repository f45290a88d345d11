package operator

import "time"

// Job is a piece of fetching: what runs, failed or comes next.
type Job struct {
	ID    int64  `json:"id"`    // of the job
	Kind  string `json:"kind"`  // what it does
	Queue string `json:"queue"` // by kind and platform
	// State is its place in the queue.
	State       string     `json:"state" words:"available running retryable scheduled completed cancelled discarded"`
	Attempt     int        `json:"attempt"`                // tries so far
	ScheduledAt time.Time  `json:"scheduled_at"`           // when it may run, UTC
	AttemptedAt *time.Time `json:"attempted_at,omitempty"` // when it was last begun; absent before
	FinishedAt  *time.Time `json:"finished_at,omitempty"`  // absent while it is not
	Error       string     `json:"error,omitempty"`        // of the last attempt
}
