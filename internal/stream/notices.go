package stream

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	sweepEvery  = 2 * time.Second    // how often everything is looked at, wake-up or no wake-up
	retention   = 7 * 24 * time.Hour // of event time: older notices are not sent
	scanLimit   = 1000               // notices of one scan; more are asked for at once
	rememberFor = 30 * time.Second   // how long a stream may leave a notice before it must read it from the store
)

// notices is the source of notices. One goroutine reads the store for all streams; each stream takes what
// concerns it from what was found.
type notices struct {
	hub       *Hub
	store     Store
	listeners *registry
	kick      chan struct{} // capacity 1: agencies were woken

	mu       sync.Mutex
	agencies map[string]*agencyNotices // where anybody listens
	woken    map[string]bool
	cursors  *cursors
}

// agencyNotices is what was found at one agency.
type agencyNotices struct {
	scanned Span                // all notices up to here were found
	from    int64               // found holds those of later versions; earlier ones are in the store alone
	found   map[string][]recent // by user, in order
}

// recent is a notice and when it was found.
type recent struct {
	Notice
	at time.Time
}

func newNotices(h *Hub, store Store) *notices {
	return &notices{
		hub: h, store: store, listeners: newRegistry(h, errTooManyNotices), kick: make(chan struct{}, 1),
		agencies: map[string]*agencyNotices{}, woken: map[string]bool{}, cursors: newCursors(),
	}
}

// run looks for notices until ctx ends. It is the only goroutine that finds them, so that they are in order.
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
			n.forget(time.Now().Add(-rememberFor))
			n.scan(ctx, n.spans(true))
			n.saveCursors(ctx)
		case <-n.cursors.moved:
			if save == nil {
				save = time.After(saveInterval)
			}
		case <-save:
			save = nil
			n.saveCursors(ctx)
		}
	}
}

// wake makes an agency be looked at. It costs nothing when nobody listens there.
func (n *notices) wake(parent string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.agencies[parent] != nil {
		n.woken[parent] = true
		kick(n.kick)
	}
}

// forget drops what was found before a time, and agencies where nobody listens any more.
func (n *notices) forget(before time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for parent, a := range n.agencies {
		if !n.listeners.has(parent) {
			delete(n.agencies, parent)
			continue
		}
		for user, list := range a.found {
			old := 0
			for old < len(list) && list[old].at.Before(before) {
				a.from = max(a.from, list[old].Version)
				old++
			}
			if a.found[user] = list[old:]; old == len(list) {
				delete(a.found, user)
			}
		}
	}
}

// spans are what is to be looked for: at the agencies that were woken, or at all.
func (n *notices) spans(all bool) (spans []Span) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for parent, a := range n.agencies {
		if all || n.woken[parent] {
			spans = append(spans, a.scanned)
		}
	}
	clear(n.woken)
	return spans
}

// scan looks for new notices with one query, however many agencies and listeners there are.
func (n *notices) scan(ctx context.Context, spans []Span) {
	for len(spans) > 0 && n.hub.cfg.Ready() {
		found, err := n.read(ctx, spans)
		if err != nil {
			n.hub.warn(ctx, "look for notices", err)
			return
		}
		n.remember(found)
		if len(found) < scanLimit {
			return
		}
		spans = n.advanced(spans)
	}
}

func (n *notices) read(ctx context.Context, spans []Span) ([]Notice, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return n.store.Scan(ctx, spans, time.Now().Add(-retention), scanLimit)
}

// remember keeps what was found for those whom it concerns, and wakes them.
func (n *notices) remember(found []Notice) {
	now, concerned := time.Now(), map[key]bool{}
	n.mu.Lock()
	for _, notice := range found {
		a := n.agencies[notice.ParentAccount]
		a.scanned.AfterVersion, a.scanned.AfterUser = notice.Version, notice.UserID
		a.found[notice.UserID] = append(a.found[notice.UserID], recent{notice, now})
		concerned[key{notice.ParentAccount, notice.UserID}] = true
	}
	n.mu.Unlock()
	if len(concerned) > 0 {
		n.listeners.wake(func(l Listener) bool { return concerned[l.key()] })
	}
}

func (n *notices) advanced(spans []Span) (still []Span) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, span := range spans {
		still = append(still, n.agencies[span.ParentAccount].scanned)
	}
	return still
}

// listen registers a stream and returns the head of its agency, at which a stream without a cursor begins.
// Errors: unavailable while the read model is not ready or when the hub has ended, rate_limited beyond the
// limit per user, faults of the store.
func (n *notices) listen(ctx context.Context, who Listener) (p *place, head int64, err error) {
	if err := n.hub.Ready(); err != nil {
		return nil, 0, err
	}
	if p, err = n.listeners.add(who); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if head, err = n.store.Head(ctx, who.ParentAccount); err != nil {
		n.listeners.remove(p)
		return nil, 0, fmt.Errorf("read head of %s: %w", who.ParentAccount, err)
	}
	n.begin(who.ParentAccount, head)
	kick(p.wake)
	return p, head, nil
}

// begin has an agency scanned from its head on, never from the cursor of its first listener, who may claim any.
func (n *notices) begin(parent string, head int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.agencies[parent] == nil {
		n.agencies[parent] = &agencyNotices{
			scanned: Span{ParentAccount: parent, AfterVersion: head, AfterUser: AllUsers}, from: head, found: map[string][]recent{},
		}
	}
}
