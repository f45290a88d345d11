package notices

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	scanLimit      = 1000 // notices of one scan; more are asked for at once
	positionsLimit = 1000 // connections of one look of their own
)

// Run delivers notices until ctx ends; then every connection is cut with [ErrClosed] and the cursors
// are saved. It returns nil.
func (h *Hub) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { h.sweeper(ctx); return nil })
	if h.cfg.Allowed != nil {
		group.Go(func() error { h.rechecker(ctx); return nil })
	}
	_ = group.Wait()
	h.closeAll()
	h.saveCursors(context.WithoutCancel(ctx))
	return nil
}

func (h *Hub) closeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, a := range h.agencies {
		for _, connections := range a.users {
			for s := range connections {
				h.remove(s, ErrClosed)
			}
		}
	}
}

// sweeper is the only goroutine that reads notices, so that what it offers is in order.
func (h *Hub) sweeper(ctx context.Context) {
	nextSweep := h.cfg.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
		case <-timer.C:
		}
		now := h.begin()
		full := !now.Before(nextSweep)
		if full {
			nextSweep = now.Add(h.jittered())
		}
		if h.Ready() {
			h.scanAgencies(ctx, now, full)
			h.catchUp(ctx, now, full)
			h.saveCursors(ctx)
		}
		h.cutLeaving()
		timer.Reset(h.untilNext(nextSweep))
	}
}

// begin takes the time of a look, and the requests for one with it.
func (h *Hub) begin() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.soon = time.Time{}
	return h.cfg.Now()
}

// jittered spreads the sweeps of several processes that were started together.
func (h *Hub) jittered() time.Duration {
	return h.cfg.Sweep*9/10 + time.Duration(rand.Int64N(int64(h.cfg.Sweep/5)+1))
}

func (h *Hub) untilNext(nextSweep time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := nextSweep
	if !h.soon.IsZero() && h.soon.Before(next) {
		next = h.soon
	}
	for _, a := range h.agencies {
		if !a.next.IsZero() && a.next.Before(next) {
			next = a.next
		}
	}
	return max(next.Sub(h.cfg.Now()), time.Millisecond)
}

// scanAgencies looks for new notices of the agencies that are due (all of them in a full sweep), with
// one query however many connections there are, and offers them.
func (h *Hub) scanAgencies(ctx context.Context, now time.Time, full bool) {
	spans := h.dueSpans(now, full)
	for len(spans) > 0 {
		found, err := h.scan(ctx, spans, now)
		if err != nil {
			h.warn(ctx, "look for notices", err)
			return
		}
		h.offerAll(found, now)
		if len(found) < scanLimit {
			return
		}
		spans = h.advanced(spans)
	}
}

func (h *Hub) scan(ctx context.Context, spans []Span, now time.Time) ([]Notice, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	return h.store.Scan(ctx, spans, now.Add(-h.cfg.Retention), scanLimit)
}

func (h *Hub) dueSpans(now time.Time, full bool) []Span {
	h.mu.Lock()
	defer h.mu.Unlock()
	var spans []Span
	for _, a := range h.agencies {
		woken := !a.next.IsZero() && !a.next.After(now)
		if full || woken {
			spans = append(spans, a.scanned)
		}
		a.followUp(now)
	}
	return spans
}

func (h *Hub) advanced(spans []Span) []Span {
	h.mu.Lock()
	defer h.mu.Unlock()
	var still []Span
	for _, span := range spans {
		if a, known := h.agencies[span.ParentAccount]; known {
			still = append(still, a.scanned)
		}
	}
	return still
}

// offerAll hands new notices to the connections that are not behind, and moves the scan on. A
// connection without room falls behind: its notices stay in the store until it has.
func (h *Hub) offerAll(found []Notice, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range found {
		a, known := h.agencies[n.ParentAccount]
		if !known {
			continue
		}
		a.scanned.AfterVersion, a.scanned.AfterUser = n.Version, n.UserID
		for s := range a.users[n.UserID] {
			if _, behind := h.behind[s]; !behind && !s.offer(n) {
				s.fullSince = now
				h.behind[s] = struct{}{}
			}
		}
	}
}

// offer puts a notice into the connection's buffer unless it was there before; false: no room.
// Callers hold mu.
func (s *Subscription) offer(n Notice) bool {
	if n.Version <= s.cursor {
		return true
	}
	select {
	case s.out <- n:
		s.cursor = n.Version
		s.fullSince = time.Time{}
		return true
	default:
		return false
	}
}
