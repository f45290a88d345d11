package chaos_test

import (
	"fmt"
	"time"
)

// bounds are what the service promises of the time that things take, and how it was kept. That is printed, and no failure: how long anything takes
// is the machine's too.
type bounds struct {
	reads, changes, stops, ends *bound
}

func newBounds() bounds {
	return bounds{
		reads:   &bound{promise: "one part gone: no reader is without an answer from two processes"},
		changes: &bound{promise: "one part gone: a change waits at most", most: waitsAtMost},
		stops:   &bound{promise: "a process stopped as planned: a change waits at most", most: stopWaitsAtMost},
		ends:    &bound{promise: "anything gone: what fails for it ends, after its cause was removed, within", most: mendedWithin},
	}
}

// hold notes what a fault did: the longest wait of a change, the longest outage of reads, how long an outage lasted after the fault. It tells
// whether all that was promised of it was kept.
//
// A fault that befalls all there is of something (PostgreSQL, two of three brokers, two parts at once) has the last bound alone.
func (b bounds) hold(f fault, change, read, after time.Duration) (kept bool) {
	kept = b.ends.hold(after, f.kind)
	switch {
	case f.planned():
		kept = b.stops.hold(change, f.kind) && kept
	case f.alone:
		kept = b.changes.hold(change, f.kind) && kept
	}
	if f.alone {
		kept = b.reads.hold(read, f.kind) && kept
	}
	return kept
}

func (b bounds) all() []*bound { return []*bound{b.reads, b.changes, b.stops, b.ends} }

// bound is one promise.
type bound struct {
	promise      string
	most         time.Duration
	kept, broken int
	worst        time.Duration
	of           string // the fault of the worst
}

func (b *bound) hold(took time.Duration, kind string) (kept bool) {
	if took > b.worst {
		b.worst, b.of = took, kind
	}
	if took > b.most {
		b.broken++
		return false
	}
	b.kept++
	return true
}

// String is the bound in a line.
func (b *bound) String() string {
	text := b.promise
	if b.most > 0 {
		text += " " + b.most.String()
	}
	text += fmt.Sprintf(": kept %d of %d times", b.kept, b.kept+b.broken)
	if b.of != "" {
		text += fmt.Sprintf("; the longest was %s (%s)", b.worst.Round(100*time.Millisecond), b.of)
	}
	return text
}
