package collect

import (
	"context"
	"sync"
	"time"
)

// lookForPauses is how often work that runs looks whether an operator has paused a connection.
const lookForPauses = time.Second

// pausedConnections remembers for a moment what is paused: claims with many connections ask before each one.
type pausedConnections struct {
	mu      sync.Mutex
	asked   time.Time
	present map[int64]bool
}

// held tells whether an operator has paused a connection. What is claimed already is left alone too; a reading that has begun
// comes to its end. While pauses cannot be asked for, the last answer holds.
func (c *Collector) held(ctx context.Context, connection int64) bool {
	p := &c.paused
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.asked) >= lookForPauses {
		present, err := c.Connections.Paused(ctx)
		if err != nil {
			c.Logger.WarnContext(ctx, "it is not known which connections are paused", "error", err)
		} else {
			p.present = present
		}
		p.asked = now
	}
	return p.present[connection]
}
