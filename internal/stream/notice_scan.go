package stream

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

const (
	sweepEvery = 2 * time.Second // interval of full scans, independent of wake-ups
	scanLimit  = 1000            // notices per scan; further pages follow at once
)

// notices is the source of notices. One goroutine scans on behalf of all streams and wakes the
// listeners concerned, which then read their own notices.
type notices struct {
	hub       *Hub
	store     Store
	listeners *registry
	kick      chan struct{} // capacity 1: agencies were woken
	moved     chan struct{} // capacity 1: cursors must be saved

	mu      sync.Mutex
	scanned map[string]NoticeRange // by agency with listeners: position of the last notice found
	woken   map[string]bool
	causes  map[string]trace.SpanContext // by agency: trace of the last wake-up, kept until a notice is found
	cursors map[key]int64                // cursors to be saved
}

func newNotices(h *Hub, store Store) *notices {
	return &notices{
		hub: h, store: store, listeners: newRegistry(h, errTooManyNotices),
		kick: make(chan struct{}, 1), moved: make(chan struct{}, 1), scanned: map[string]NoticeRange{},
		woken: map[string]bool{}, causes: map[string]trace.SpanContext{}, cursors: map[key]int64{},
	}
}

// run scans for notices until ctx is done. Only this goroutine scans, so notices are found in
// order.
func (n *notices) run(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	var save <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.kick:
			n.scan(ctx, n.spans(false))
		case <-sweep.C:
			n.scan(ctx, n.spans(true))
			n.saveCursors(ctx)
		case <-n.moved:
			if save == nil {
				save = time.After(saveDelay)
			}
		case <-save:
			save = nil
			n.saveCursors(ctx)
		}
	}
}

// wake requests a scan of an agency. It costs nothing if the agency has no listeners.
func (n *notices) wake(parent string, cause trace.SpanContext) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, listens := n.scanned[parent]; listens {
		n.woken[parent] = true
		if cause.IsSampled() {
			n.causes[parent] = cause
		}
		kick(n.kick)
	}
}

// spans returns the ranges to scan: those of woken agencies or, if all is set, of all agencies. In
// the latter case it first drops agencies without listeners.
func (n *notices) spans(all bool) (spans []NoticeRange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if all {
		maps.DeleteFunc(n.scanned, func(parent string, _ NoticeRange) bool { return !n.listeners.has(parent) })
	}
	for parent, span := range n.scanned {
		if all || n.woken[parent] {
			spans = append(spans, span)
		}
	}
	clear(n.woken)
	return spans
}

func (n *notices) scan(ctx context.Context, spans []NoticeRange) {
	for len(spans) > 0 && n.hub.cfg.Ready() {
		found, err := n.read(ctx, spans)
		if err != nil {
			n.hub.warn(ctx, "read notices", err)
			return
		}
		spans = n.advance(spans, found)
		if len(found) < scanLimit {
			return
		}
	}
}

func (n *notices) read(ctx context.Context, spans []NoticeRange) ([]Notice, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return n.store.Scan(ctx, spans, time.Now().Add(-retention), scanLimit)
}

// advance wakes the listeners of the notices found, and returns the spans that follow.
func (n *notices) advance(spans []NoticeRange, found []Notice) []NoticeRange {
	concerned, causes := map[key]bool{}, map[string]trace.SpanContext{}
	n.mu.Lock()
	for _, notice := range found {
		n.scanned[notice.ParentAccount] = NoticeRange{notice.ParentAccount, notice.Version, notice.UserID}
		concerned[key{notice.ParentAccount, notice.UserID}] = true
		if cause, ok := n.causes[notice.ParentAccount]; ok {
			causes[notice.ParentAccount] = cause
			delete(n.causes, notice.ParentAccount)
		}
	}
	for i := range spans {
		spans[i] = n.scanned[spans[i].ParentAccount]
	}
	n.mu.Unlock()
	if len(concerned) > 0 {
		n.listeners.wake(causes, func(l Listener) bool { return concerned[l.key()] })
	}
	return spans
}

// listen registers a stream and returns the head of its agency, at which a stream without a cursor
// starts.
func (n *notices) listen(ctx context.Context, listener Listener) (p *place, head int64, err error) {
	if err := n.hub.Ready(); err != nil {
		return nil, 0, err
	}
	if p, err = n.listeners.add(listener); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if head, err = n.store.Head(ctx, listener.ParentAccount); err != nil {
		n.listeners.remove(p)
		return nil, 0, fmt.Errorf("read head of %s: %w", listener.ParentAccount, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	// start at the head, not at the listener's cursor, which is not trusted
	if _, scanning := n.scanned[listener.ParentAccount]; !scanning {
		n.scanned[listener.ParentAccount] = NoticeRange{listener.ParentAccount, head, allUsers}
	}
	return p, head, nil
}

const retention = 7 * 24 * time.Hour // by event time: older notices are not sent

// saveDelay is the delay until a moved cursor is saved, so that several are saved together.
const saveDelay = 100 * time.Millisecond

// delivered records that a connection has written a notice. The user's stored cursor is updated
// after saveDelay, together with others.
func (n *notices) delivered(listener Listener, version int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cursors[listener.key()] = max(n.cursors[listener.key()], version)
	kick(n.moved)
}

// storedCursor returns the position at which a Socket.IO client without an offset continues: after
// the last notice written by any connection of the user. The cursor of a new user is set to the
// head.
func (n *notices) storedCursor(ctx context.Context, listener Listener, head int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	version, found, err := n.store.Cursor(ctx, listener.ParentAccount, listener.UserID)
	if err != nil {
		return 0, fmt.Errorf("read notice cursor: %w", err)
	}
	n.mu.Lock()
	pending, waits := n.cursors[listener.key()]
	n.mu.Unlock()
	if found || waits {
		return max(version, pending), nil
	}
	first := Cursor{ParentAccount: listener.ParentAccount, UserID: listener.UserID, Version: head}
	if err := n.store.SaveCursors(ctx, []Cursor{first}); err != nil {
		return 0, fmt.Errorf("save first notice cursor: %w", err)
	}
	return head, nil
}

// saveCursors writes all moved cursors at once. If this fails, the next sweep tries again.
func (n *notices) saveCursors(ctx context.Context) {
	n.mu.Lock()
	moved := make([]Cursor, 0, len(n.cursors))
	for user, version := range n.cursors {
		moved = append(moved, Cursor{ParentAccount: user.parent, UserID: user.user, Version: version})
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
		if user := (key{saved.ParentAccount, saved.UserID}); n.cursors[user] == saved.Version {
			delete(n.cursors, user)
		}
	}
}
