package chaos_test

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// outage is a while in which somebody could do nothing.
type outage struct {
	kind, who   string // write or read; whose
	begun, over time.Time
}

// outages remembers them, and who got something done when.
type outages struct {
	mu   sync.Mutex
	all  []outage
	done map[string]time.Time // by kind and who: when what was last done began
	open map[string]time.Time // by kind and who: since when what is being tried
}

func newOutages() *outages {
	return &outages{done: map[string]time.Time{}, open: map[string]time.Time{}}
}

// trying notes that somebody began.
func (o *outages) trying(kind, who string, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[kind+" "+who] = at
}

// did notes that it was done; failed says that it was an outage.
func (o *outages) did(kind, who string, failed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	begun, now := o.open[kind+" "+who], time.Now()
	delete(o.open, kind+" "+who)
	o.done[kind+" "+who] = begun
	if failed {
		o.all = append(o.all, outage{kind, who, begun, now})
	}
}

// recovered tells whether everybody has got something done that was begun after a moment.
func (o *outages) recovered(since time.Time, everybody []string) (waiting []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, who := range everybody {
		if !o.done[who].After(since) {
			waiting = append(waiting, who)
		}
	}
	return waiting
}

// worst are the longest outage of reads that overlaps a span, and how long after its end the last outage was over.
func (o *outages) worst(from, until time.Time) (read, after time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, x := range o.all {
		if x.over.Before(from) {
			continue
		}
		if x.kind == "read" {
			read = max(read, x.over.Sub(x.begun))
		}
		after = max(after, x.over.Sub(until))
	}
	return read, after
}

// total is for how long somebody could not write, or read: spans that overlap count once.
func (o *outages) total(kind string) (sum time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var spans []outage
	for _, x := range o.all {
		if x.kind == kind {
			spans = append(spans, x)
		}
	}
	slices.SortFunc(spans, func(a, b outage) int { return cmp.Compare(a.begun.UnixNano(), b.begun.UnixNano()) })
	var end time.Time
	for _, x := range spans {
		if x.begun.After(end) {
			end = x.begun
		}
		if x.over.After(end) {
			sum += x.over.Sub(end)
			end = x.over
		}
	}
	return sum
}
