package notices

import (
	"context"
	"fmt"
	"time"
)

// saveInterval is how long a moved cursor waits for others, to be saved with them.
const saveInterval = 100 * time.Millisecond

// delivered notes that a connection has written a notice out; the user's stored cursor follows, a
// moment later, with those of others.
func (h *Hub) delivered(who Subscriber, version int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := listener{who.ParentAccount, who.UserID}
	h.cursors[key] = max(h.cursors[key], version)
	if h.soon.IsZero() {
		h.lookAt(h.cfg.Now().Add(saveInterval))
		h.look()
	}
}

// storedCursor is the place at which a Socket.IO client without an offset goes on: after the last
// notice that any of the user's connections has written out. A user without one gets the head as its
// cursor, now and for good.
func (h *Hub) storedCursor(ctx context.Context, who Subscriber) (int64, error) {
	version, found, err := h.readCursor(ctx, who)
	if err != nil || found {
		return version, err
	}
	head, err := h.Head(ctx, who.ParentAccount)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	err = h.store.SaveCursors(ctx, []Position{{ParentAccount: who.ParentAccount, UserID: who.UserID, Version: head}})
	if err != nil {
		return 0, fmt.Errorf("save first notice cursor: %w", err)
	}
	return head, nil
}

func (h *Hub) readCursor(ctx context.Context, who Subscriber) (version int64, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	version, found, err = h.store.Cursor(ctx, who.ParentAccount, who.UserID)
	if err != nil {
		return 0, false, fmt.Errorf("read notice cursor: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	pending, waits := h.cursors[listener{who.ParentAccount, who.UserID}]
	return max(version, pending), found || waits, nil
}

// saveCursors writes the cursors that have moved, all at once.
func (h *Hub) saveCursors(ctx context.Context) {
	h.mu.Lock()
	moved := make([]Position, 0, len(h.cursors))
	for key, version := range h.cursors {
		moved = append(moved, Position{ParentAccount: key.parent, UserID: key.user, Version: version})
	}
	h.mu.Unlock()
	if len(moved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	if err := h.store.SaveCursors(ctx, moved); err != nil {
		h.warn(ctx, "save notice cursors", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range moved {
		if key := (listener{p.ParentAccount, p.UserID}); h.cursors[key] == p.Version {
			delete(h.cursors, key)
		}
	}
}
