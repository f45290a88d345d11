package stream

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// saveInterval is how long a moved cursor waits for others, to be saved with them.
const saveInterval = 100 * time.Millisecond

// cursors are stored cursors that wait to be saved.
type cursors struct {
	moved chan struct{} // capacity 1

	mu   sync.Mutex
	wait map[key]int64
}

func newCursors() *cursors {
	return &cursors{moved: make(chan struct{}, 1), wait: map[key]int64{}}
}

// delivered notes that a connection has written a notice out; the user's stored cursor follows, a
// moment later, with those of others.
func (c *cursors) delivered(who Listener, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait[who.key()] = max(c.wait[who.key()], version)
	kick(c.moved)
}

func (c *cursors) waiting(who key) (version int64, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	version, waits = c.wait[who]
	return version, waits
}

// storedCursor is the place at which a Socket.IO client without an offset goes on: after the last
// notice that any of the user's connections has written out. A user without one gets the head as its
// cursor, now and for good.
func (n *notices) storedCursor(ctx context.Context, who Listener, head int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	version, found, err := n.store.Cursor(ctx, who.ParentAccount, who.UserID)
	if err != nil {
		return 0, fmt.Errorf("read notice cursor: %w", err)
	}
	if pending, waits := n.cursors.waiting(who.key()); found || waits {
		return max(version, pending), nil
	}
	first := Cursor{ParentAccount: who.ParentAccount, UserID: who.UserID, Version: head}
	if err := n.store.SaveCursors(ctx, []Cursor{first}); err != nil {
		return 0, fmt.Errorf("save first notice cursor: %w", err)
	}
	return head, nil
}

// saveCursors writes the cursors that have moved, all at once. What cannot be saved waits for the next sweep.
func (n *notices) saveCursors(ctx context.Context) {
	c := n.cursors
	c.mu.Lock()
	moved := make([]Cursor, 0, len(c.wait))
	for who, version := range c.wait {
		moved = append(moved, Cursor{ParentAccount: who.parent, UserID: who.user, Version: version})
	}
	c.mu.Unlock()
	if len(moved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := n.store.SaveCursors(ctx, moved); err != nil {
		n.hub.warn(ctx, "save notice cursors", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, saved := range moved {
		if who := (key{saved.ParentAccount, saved.UserID}); c.wait[who] == saved.Version {
			delete(c.wait, who)
		}
	}
}
