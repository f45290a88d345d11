package notices

import (
	"context"
	"slices"
	"time"
)

// roomInterval is how often a full connection is looked at, while it may still catch up.
const roomInterval = 50 * time.Millisecond

// catchUp serves the connections that are behind: new ones, and those whose buffer was full. Each
// gets what fits; one that got all there was is behind no more, because the scan, which is run by
// the same goroutine, offers it whatever comes later.
func (h *Hub) catchUp(ctx context.Context, now time.Time, full bool) {
	for batch := range slices.Chunk(h.hungry(now, full), positionsLimit) {
		positions := h.positions(batch)
		found, err := h.since(ctx, positions, now)
		if err != nil {
			h.warn(ctx, "look for missed notices", err)
			return
		}
		byListener := map[listener][]Notice{}
		for _, n := range found {
			key := listener{n.ParentAccount, n.UserID}
			byListener[key] = append(byListener[key], n)
		}
		h.serve(batch, byListener, now)
	}
}

func (h *Hub) since(ctx context.Context, positions []Position, now time.Time) ([]Notice, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	return h.store.Since(ctx, positions, now.Add(-h.cfg.Retention), h.cfg.Buffer)
}

// hungry are the connections that are behind and have room. One that has had none for too long is
// dropped here: its reader is stuck, and its cursor lets it go on elsewhere.
func (h *Hub) hungry(now time.Time, full bool) []*Subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Subscription
	for s := range h.behind {
		switch {
		case len(s.out) < cap(s.out):
			list = append(list, s)
		case s.fullSince.IsZero():
			s.fullSince = now
			h.lookAt(now.Add(roomInterval))
		case now.Sub(s.fullSince) < h.cfg.Sweep:
			h.lookAt(now.Add(roomInterval))
		case full && now.Sub(s.fullSince) >= h.cfg.SlowAfter:
			h.remove(s, ErrSlow)
		}
	}
	return list
}

// positions asks once for connections of one user: from the lowest cursor.
func (h *Hub) positions(batch []*Subscription) []Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	lowest := map[listener]int64{}
	for _, s := range batch {
		key := listener{s.who.ParentAccount, s.who.UserID}
		if version, known := lowest[key]; !known || s.cursor < version {
			lowest[key] = s.cursor
		}
	}
	positions := make([]Position, 0, len(lowest))
	for key, version := range lowest {
		positions = append(positions, Position{ParentAccount: key.parent, UserID: key.user, Version: version})
	}
	return positions
}

func (h *Hub) serve(batch []*Subscription, found map[listener][]Notice, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range batch {
		if s.gone {
			continue
		}
		list := found[listener{s.who.ParentAccount, s.who.UserID}]
		all := len(list) < h.cfg.Buffer // less than the limit: there was no more
		for _, n := range list {
			if !s.offer(n) {
				all = false
				if s.fullSince.IsZero() {
					s.fullSince = now
				}
				break
			}
		}
		if all {
			delete(h.behind, s)
		} else {
			h.lookAt(now.Add(firstBackoff))
		}
	}
}

// cutLeaving cuts the connections that have lost their access and were offered what they were owed. One
// that is still behind, because the store failed or its buffer is full, is cut in a later look.
func (h *Hub) cutLeaving() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s, reason := range h.leaving {
		if _, behind := h.behind[s]; !behind {
			h.remove(s, reason)
		}
	}
}

// warn logs a fault of the store once per sweep; the next sweep tries again.
func (h *Hub) warn(ctx context.Context, doing string, err error) {
	if ctx.Err() == nil {
		h.cfg.Logger.Warn("notices: "+doing, "error", err.Error())
	}
}
