package simulator

import (
	"sync"
	"time"
)

// window counts calls in a sliding span of time, in ring buckets: at most one bucket's width too
// strict, never too lax.
type window struct {
	width   time.Duration // of a bucket
	buckets []int32
	first   int64 // number of the oldest bucket
	sum     int
}

func newWindow(span time.Duration, buckets int) *window {
	return &window{width: span / time.Duration(buckets), buckets: make([]int32, buckets+1)}
}

// add counts a call and returns how many there were in the span, this one included.
func (w *window) add(now time.Time) int {
	n := int64(len(w.buckets))
	current := now.UnixNano() / int64(w.width)
	if current-w.first >= 2*n { // idle for longer than the span
		clear(w.buckets)
		w.sum, w.first = 0, current-n+1
	}
	for ; w.first <= current-n; w.first++ {
		i := w.first % n
		w.sum -= int(w.buckets[i])
		w.buckets[i] = 0
	}
	w.buckets[max(current, w.first)%n]++
	w.sum++
	return w.sum
}

// undo takes the last call back: a refused call uses no quota.
func (w *window) undo(now time.Time) {
	n := int64(len(w.buckets))
	w.buckets[max(now.UnixNano()/int64(w.width), w.first)%n]--
	w.sum--
}

// limits holds the windows of all callers.
type limits struct {
	mu      sync.Mutex
	windows map[string]*window
}

// take counts a call under a key; ok is false when the limit is passed (0: no limit).
func (l *limits) take(key string, limit int, span time.Duration, buckets int, now time.Time) (used int, ok bool) {
	if limit <= 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[key]
	if w == nil {
		w = newWindow(span, buckets)
		l.windows[key] = w
	}
	used = w.add(now)
	if used > limit {
		w.undo(now)
		return used, false
	}
	return used, true
}

// Stats is what the server counted since it was made.
type Stats struct {
	Calls     map[string]int64 // by platform and operation, for example "tiktok/video_list"
	Throttled map[string]int64 // calls beyond a limit of the simulator, by the same names
}

type tally struct {
	mu               sync.Mutex
	calls, throttled map[string]int64
}

func (t *tally) count(op string, throttled bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[op]++
	if throttled {
		t.throttled[op]++
	}
}
