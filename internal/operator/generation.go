package operator

import "time"

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
