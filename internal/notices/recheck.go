package notices

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// rechecker asks at intervals whether the listeners are still allowed to listen.
func (h *Hub) rechecker(ctx context.Context) {
	ticker := time.NewTicker(h.cfg.Recheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for who := range h.listeners() {
			if ctx.Err() != nil {
				return
			}
			if !h.Ready() {
				break // in a read model that is being made nobody is found
			}
			h.recheck(ctx, who)
		}
	}
}

// listeners are the distinct ones: three tabs of a user are one question.
func (h *Hub) listeners() map[Subscriber]struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	distinct := map[Subscriber]struct{}{}
	for _, a := range h.agencies {
		for _, connections := range a.users {
			for s := range connections {
				distinct[s.who.identity()] = struct{}{}
			}
		}
	}
	return distinct
}

// identity is the subscriber without what differs between its connections.
func (s Subscriber) identity() Subscriber {
	s.ExpiresAt = time.Time{}
	return s
}

func (h *Hub) recheck(ctx context.Context, who Subscriber) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	switch err := h.cfg.Allowed(ctx, who); {
	case domain.AccessRefused(err):
		h.dismiss(who, ErrAccessLost)
	case err != nil && !errors.Is(err, context.Canceled): // the question could not be answered now
		h.warn(ctx, "recheck a listener", err)
	}
}

// dismiss cuts a listener's connections after one more look: the notice that tells it of its loss is
// often the reason for it.
func (h *Hub) dismiss(who Subscriber, reason *domain.Error) {
	h.mu.Lock()
	if a, known := h.agencies[who.ParentAccount]; known {
		for s := range a.users[who.UserID] {
			if s.who.identity() == who {
				h.leaving[s] = reason
				h.behind[s] = struct{}{}
			}
		}
	}
	h.mu.Unlock()
	h.look()
}
