package stream

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const (
	sweepEvery = 2 * time.Second    // interval of sweeps
	readLimit  = 100                // notices that a stream reads from the store at once
	retention  = 7 * 24 * time.Hour // by event time: older notices are not sent

	// saveDelay is the delay until a moved cursor is saved, so that several are saved together.
	saveDelay = 100 * time.Millisecond
)

// notices wakes the streams of notices and saves the cursors of Socket.IO clients.
type notices struct {
	hub       *Hub
	store     Store
	listeners *registry
	moved     chan struct{} // capacity 1: cursors must be saved

	mu      sync.Mutex
	heads   map[string]int64 // by agency with listeners: the head up to which they were woken
	cursors map[key]int64    // cursors to be saved
}

func newNotices(h *Hub, store Store) *notices {
	return &notices{
		hub: h, store: store, listeners: newRegistry(h, errTooManyNotices), moved: make(chan struct{}, 1),
		heads: map[string]int64{}, cursors: map[key]int64{},
	}
}

// run sweeps and saves cursors until ctx is done.
func (n *notices) run(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	var save <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			n.sweep(ctx)
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

// sweep wakes the listeners of agencies whose heads have moved since they were last woken.
func (n *notices) sweep(ctx context.Context) {
	parents := n.listeners.parents()
	n.mu.Lock()
	maps.DeleteFunc(n.heads, func(parent string, _ int64) bool { return !n.listeners.has(parent) })
	n.mu.Unlock()
	if len(parents) == 0 || !n.hub.cfg.Ready() {
		return
	}
	heads, err := n.readHeads(ctx, parents...)
	if err != nil {
		n.hub.warn(ctx, "read heads", err)
		return
	}
	for parent, head := range heads {
		n.wake(ctx, parent, head)
	}
}

// wake wakes the streams of an agency unless they were woken for this head before. Their next
// notices continue the trace of ctx.
func (n *notices) wake(ctx context.Context, parent string, head int64) {
	n.mu.Lock()
	before, listens := n.heads[parent]
	isNew := listens && head > before && n.hub.cfg.Ready()
	if isNew {
		n.heads[parent] = head
	}
	n.mu.Unlock()
	if !isNew {
		return
	}
	cause := trace.SpanContextFromContext(ctx)
	n.listeners.wake(parent, func(p *place) {
		if cause.IsSampled() {
			p.cause.Store(&cause)
		}
	})
}

func (n *notices) readHeads(ctx context.Context, parents ...string) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return n.store.Heads(ctx, parents)
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
	heads, err := n.readHeads(ctx, listener.ParentAccount)
	if err != nil {
		n.listeners.remove(p)
		return nil, 0, err
	}
	head = heads[listener.ParentAccount]
	n.mu.Lock()
	defer n.mu.Unlock()
	known, listens := n.heads[listener.ParentAccount]
	switch {
	case !listens:
		n.heads[listener.ParentAccount] = head
	case known > head: // another listener read it meanwhile, so nobody is woken for it
		kick(p.wake)
	}
	return p, head, nil
}

var errCursor = domain.NewError(domain.CodeInvalid,
	"The last event id does not belong to your stream. Omit it to start with the next event.").
	WithField("Last-Event-ID", "must be an id sent by this stream")

// ServeNotices streams the notices of a verified listener as Server-Sent Events until the client
// disconnects, its token expires, its access is lost or the hub stops. It returns before that if the
// stream takes over its connection, see [Listener.Hijacked]. If it returns an error, nothing was
// written.
//
// The stream starts after Last-Event-ID (header, otherwise [IsCursor]) or, without an id, at the
// head of the agency. It first sends [NoticeCursorEvent] with the position, so that an EventSource
// disconnected before its first notice has a cursor to reconnect with. The position is an event and
// not only an id, because a page whose ticket has expired must create a new EventSource, and pages
// can read only the ids of events.
func (h *Hub) ServeNotices(w http.ResponseWriter, r *http.Request, listener Listener) error {
	after, resumed := int64(0), false
	if id := lastEventID(r); id != "" {
		var parent string
		if parent, after, resumed = ParseID(id); !resumed || parent != listener.ParentAccount {
			return errCursor
		}
	}
	f := &noticeFeed{source: h.notices, listener: listener, after: after}
	if err := f.mayOpen(r.Context(), resumed); err != nil {
		return err
	}
	place, head, err := h.notices.listen(r.Context(), listener)
	if err != nil {
		return err
	}
	if resumed {
		kick(place.wake)
	}
	h.serveEvents(w, r, h.notices.listeners, place, f, f.start(head, resumed))
	return nil
}

// noticeFeed sends one listener exactly what follows its cursor, in order and once.
type noticeFeed struct {
	source    *notices
	listener  Listener
	after     int64 // version of the last notice sent, or the start of the stream
	more      bool  // there may be later notices
	accessErr error // access is lost: the stream is closed after the remaining notices
}

// start sets the start of a stream, and returns the event that contains it. A cursor beyond the
// head belongs to a log that was replaced by a restore: its stream starts at the head, and the
// listener must read everything again.
func (n *noticeFeed) start(head int64, hasCursor bool) event {
	lost := hasCursor && n.after > head
	if lost || !hasCursor {
		n.after = head
	}
	return event{name: NoticeCursorEvent, id: FormatID(n.listener.ParentAccount, n.after), data: NoticeCursor{All: lost}}
}

// tell sends new notices. It also reads them if access is lost: the reason is often a notice for
// this listener that was not found yet.
func (n *noticeFeed) tell(ctx context.Context, check bool, out output) error {
	if n.more = n.more || !check; check {
		n.check(ctx)
	}
	for n.more || n.accessErr != nil {
		list, err := n.read(ctx)
		if err != nil {
			return err
		}
		for _, notice := range list {
			sending, span := tracing.StartInTrace(ctx, "send notice", trace.WithSpanKind(trace.SpanKindProducer))
			err := out.send(sending, notice.event())
			tracing.End(span, err)
			if err != nil {
				return err
			}
			n.after = notice.Version
		}
		if n.more = len(list) == readLimit; !n.more {
			return n.accessErr
		}
	}
	return nil
}

// mayOpen checks access at the start of a stream. A listener without access is refused, unless it
// resumes from a cursor with notices after it: it gets these before the stream is closed.
func (n *noticeFeed) mayOpen(ctx context.Context, resumed bool) error {
	if err := n.source.hub.Ready(); err != nil {
		return err
	}
	_, err := n.listener.access(ctx)
	if !domain.AccessRefused(err) || !resumed {
		return err
	}
	remaining, fault := n.read(ctx)
	if len(remaining) == 0 {
		return cmp.Or(fault, err)
	}
	n.accessErr = err
	return nil
}

func (n *noticeFeed) check(ctx context.Context) {
	if n.source.hub.Ready() != nil { // no users would be found
		return
	}
	_, err := n.listener.access(ctx)
	switch {
	case domain.AccessRefused(err):
		n.accessErr = err
	case err != nil: // the check failed temporarily
		n.source.hub.warn(ctx, "check access of a listener", err)
	}
}

func (n *noticeFeed) read(ctx context.Context) ([]Notice, error) {
	if err := n.source.hub.Ready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	cursor := Cursor{ParentAccount: n.listener.ParentAccount, UserID: n.listener.UserID, Version: n.after}
	return n.source.store.Since(ctx, cursor, time.Now().Add(-retention), readLimit)
}

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
