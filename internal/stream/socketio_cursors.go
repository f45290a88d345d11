package stream

import (
	"context"
	"fmt"
	"time"
)

// saveInterval is how long a moved cursor waits for others, to be saved with them.
const saveInterval = 100 * time.Millisecond

// delivered notes that a connection has written a notice out; the user's stored cursor follows, a
// moment later, with those of others.
func (n *notices) delivered(who Listener, version int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cursors[who.key()] = max(n.cursors[who.key()], version)
	kick(n.moved)
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
	n.mu.Lock()
	pending, waits := n.cursors[who.key()]
	n.mu.Unlock()
	if found || waits {
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
	n.mu.Lock()
	moved := make([]Cursor, 0, len(n.cursors))
	for who, version := range n.cursors {
		moved = append(moved, Cursor{ParentAccount: who.parent, UserID: who.user, Version: version})
	}
	n.mu.Unlock()
	if len(moved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := n.store.SaveCursors(ctx, moved); err != nil {
		n.hub.warn(ctx, "save notice cursors", err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, saved := range moved {
		if who := (key{saved.ParentAccount, saved.UserID}); n.cursors[who] == saved.Version {
			delete(n.cursors, who)
		}
	}
}
