package projections

import (
	"runtime/debug"
	"sync"
)

// What the runtime collects garbage by, as the percentage that the heap may grow by between two collections.
const (
	usualGarbage = 100 // Go's own setting; any other is an operator's (GOGC)
	rareGarbage  = 300
)

// rarely is whether garbage is collected less often in this process, and for how many rebuilds.
var rarely struct {
	mu       sync.Mutex
	rebuilds int
	changed  bool
}

// collectRarely has garbage collected less often until the returned function is called: a rebuild decodes millions of records that are
// garbage at once, and looking through what it keeps took a fifth of its processor time. The price is some 100 MiB.
func collectRarely() (asBefore func()) {
	rarely.mu.Lock()
	defer rarely.mu.Unlock()
	if rarely.rebuilds++; rarely.rebuilds == 1 {
		before := debug.SetGCPercent(rareGarbage)
		if rarely.changed = before == usualGarbage; !rarely.changed {
			debug.SetGCPercent(before)
		}
	}
	return func() {
		rarely.mu.Lock()
		defer rarely.mu.Unlock()
		if rarely.rebuilds--; rarely.rebuilds == 0 && rarely.changed {
			debug.SetGCPercent(usualGarbage)
		}
	}
}
