package notices

import (
	"time"
)

// How a wake-up is followed up: first at once, then at growing intervals until the sweep takes over.
const (
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = 640 * time.Millisecond
)

// Wake hints that there may be notices for these users. Losing a hint delays a notice until the next
// sweep and never loses it; a hint too many costs one query.
func (h *Hub) Wake(userIDs ...string) {
	h.mu.Lock()
	woken := false
	for parent, a := range h.agencies {
		for _, user := range userIDs {
			if _, listens := a.users[user]; listens {
				h.wakeAgency(parent)
				woken = true
				break
			}
		}
	}
	h.mu.Unlock()
	if woken {
		h.look()
	}
}

// WakeParent hints that the agency's stream has a new record; the reactor on `dashboards`, which reads
// no more than a record's key, calls it. It costs nothing when nobody of the agency listens here.
func (h *Hub) WakeParent(parent string) {
	h.mu.Lock()
	_, listened := h.agencies[parent]
	if listened {
		h.wakeAgency(parent)
	}
	h.mu.Unlock()
	if listened {
		h.look()
	}
}

// Folded hints that the agencies' new records stand in the tables now: what a wake-up came too early for
// is there. It needs no following up.
func (h *Hub) Folded(parents ...string) {
	h.mu.Lock()
	woken := false
	for _, parent := range parents {
		a, listened := h.agencies[parent]
		if !listened {
			continue
		}
		woken = true
		if a.next.IsZero() {
			a.backoff = 2 * lastBackoff // one look
		}
		a.next = h.cfg.Now()
	}
	h.mu.Unlock()
	if woken {
		h.look()
	}
}

// wakeAgency makes the agency due now. Callers hold mu.
func (h *Hub) wakeAgency(parent string) {
	a := h.agencies[parent]
	a.next, a.backoff = h.cfg.Now(), firstBackoff
}

// followUp plans the next look after a wake-up. Callers hold mu.
func (a *agency) followUp(now time.Time) {
	if a.next.IsZero() || a.next.After(now) {
		return
	}
	if a.backoff > lastBackoff {
		a.next = time.Time{}
		return
	}
	a.next = now.Add(a.backoff)
	a.backoff *= 2
}
