package main

import (
	"fmt"
	"sync"
	"time"
)

// heard matches the notices that clients read with the records that caused them.
type heard struct {
	mu      sync.Mutex
	caused  map[string]*causedNotices // by notice id, which is the record's
	missing int
	took    []time.Duration
	wrong   error
	done    chan struct{} // closed when nothing is missing; replaced by expect
}

type causedNotices struct {
	at   time.Time // just before the append
	left int
}

func newHeard() *heard { return &heard{caused: map[string]*causedNotices{}, done: make(chan struct{})} }

func (h *heard) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.took = nil
}

func (h *heard) durations() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.took
}

// expect says that a record is about to cause so many notices.
func (h *heard) expect(id string, count int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missing == 0 {
		h.done = make(chan struct{})
	}
	h.missing += count
	h.caused[id] = &causedNotices{at: time.Now(), left: count}
}

// read says that a client has read a notice.
func (h *heard) read(id string) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	of, known := h.caused[id]
	switch {
	case !known: // of the time before the measurement
		return
	case of.left == 0:
		h.wrong = fmt.Errorf("notice %s was delivered twice", id)
		return
	}
	of.left--
	h.took = append(h.took, now.Sub(of.at))
	if h.missing--; h.missing == 0 {
		close(h.done)
	}
}

// await returns when every expected notice was read, once.
func (h *heard) await(atMost time.Duration) error {
	h.mu.Lock()
	done := h.done
	h.mu.Unlock()
	select {
	case <-done:
	case <-time.After(atMost):
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missing > 0 {
		return fmt.Errorf("%d notices did not arrive within %s", h.missing, atMost)
	}
	return h.wrong
}
