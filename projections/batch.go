package projections

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Sizes of a batch.
const (
	foldWorkers = 4    // transactions at a time for one large poll
	maxRecords  = 5000 // of one transaction
	// splitAbove is the number of events from which a poll is worth more than one transaction.
	splitAbove = 400
)

// handle folds one poll, also while the process stops: who takes over would else fold again what was nearly done, and commands
// that wait for it would wait longer. Small polls are one transaction over all their partitions, which is what
// keeps latency low when a few events come on many partitions; large ones are shared among workers
// by partition, so that no two transactions touch the same keys.
func (f *session) handle(ctx context.Context, batch eventlog.Batch) error {
	if len(batch.Runs) == 0 {
		return nil
	}
	folding, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if pause(folding, f.every.finish) == nil {
			cancel()
		}
	})()
	workers := 1
	if recordsOf(batch.Runs) > splitAbove {
		workers = min(foldWorkers, len(batch.Runs))
	}
	shares := make([][]eventlog.Run, workers)
	for i, run := range batch.Runs {
		shares[i%workers] = append(shares[i%workers], run)
	}
	group, sharing := errgroup.WithContext(folding)
	for _, share := range shares {
		group.Go(func() error { return f.foldShare(sharing, batch.TopicID, cutRuns(share, f.maxRecords)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return f.goLive(folding)
}

// cutRuns shares runs among transactions of at most so many records, about equally: the next one is decoded while one is
// folded, and a small rest would leave nothing to decode meanwhile.
func cutRuns(runs []eventlog.Run, most int) (cut [][]eventlog.Run) {
	records := recordsOf(runs)
	if n := (records + most - 1) / most; n > 1 {
		most = (records + n - 1) / n
	}
	var one []eventlog.Run
	left := most
	for _, r := range runs {
		for len(r.Records) > left {
			head, rest := cutRun(r, left)
			cut, one, left, r = append(cut, append(one, head)), nil, most, rest
		}
		one = append(one, r)
		if left -= len(r.Records); left == 0 {
			cut, one, left = append(cut, one), nil, most
		}
	}
	if len(one) > 0 {
		cut = append(cut, one)
	}
	return cut
}

// cutRun cuts a run behind so many records.
func cutRun(r eventlog.Run, n int) (head, rest eventlog.Run) {
	head, rest = r, r
	head.Records, rest.Records = r.Records[:n], r.Records[n:]
	head.Next = head.Records[n-1].Offset + 1
	return head, rest
}

func recordsOf(runs []eventlog.Run) int {
	n := 0
	for _, r := range runs {
		n += len(r.Records)
	}
	return n
}

// foldShare folds a worker's transactions one after the other, and decodes the next one meanwhile.
func (f *session) foldShare(ctx context.Context, topic eventlog.TopicID, transactions [][]eventlog.Run) error {
	group, ctx := errgroup.WithContext(ctx)
	decoded := make(chan []step)
	group.Go(func() error {
		defer close(decoded)
		for _, runs := range transactions {
			select {
			case decoded <- f.steps(topic, runs):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	group.Go(func() error {
		for steps := range decoded {
			if f.passLater(steps) {
				continue
			}
			f.goOn(steps)
			if err := f.foldInOrder(ctx, steps); err != nil {
				return err
			}
			f.note(steps)
		}
		return nil
	})
	return group.Wait()
}

// steps decodes runs; where they begin is not known until what is before them was folded.
func (f *session) steps(topic eventlog.TopicID, runs []eventlog.Run) []step {
	steps := make([]step, 0, len(runs))
	for _, r := range runs {
		steps = append(steps, step{topic: topic, partition: r.Partition, to: r.Next, events: f.eventsOf(r)})
	}
	return steps
}

// eventsOf decodes what a run brings the projection, in the order of the offsets.
func (w work) eventsOf(r eventlog.Run) []fold.Event {
	events := make([]fold.Event, 0, len(r.Records))
	for _, raw := range r.Records {
		if !w.passesOver(raw) {
			events = append(events, w.decode(raw))
		}
	}
	return events
}

// passesOver tells whether a record belongs to another projection of the topic.
func (w work) passesOver(raw eventlog.Record) bool {
	if len(w.types) == 0 {
		return false
	}
	eventType := raw.Header("ce_type")
	return !w.types[eventType] && w.registry.Knows(eventType)
}

// decode never fails: what does not decode is an Event with Err, and is parked.
func (w work) decode(raw eventlog.Record) fold.Event {
	recorded, err := w.log.Decode(raw)
	ev := fold.Event{Raw: raw, Recorded: recorded}
	switch {
	case err == nil:
	case errors.Is(err, domain.ErrUnknownType):
		ev.Err = &fold.ParkError{Reason: fold.ReasonUnknownType, Detail: fold.WithoutValues(err)}
	case errors.Is(err, eventlog.ErrMalformed):
		ev.Key = storable(ev.Key) // it may be any bytes
		ev.Err = &fold.ParkError{Reason: fold.ReasonMalformed, Detail: fold.WithoutValues(err)}
	default:
		ev.Err = &fold.ParkError{Reason: fold.ReasonUndecodable, Detail: fold.WithoutValues(err)}
	}
	return ev
}

// foldInOrder cuts the steps of a chained topic at skips, which are folded alone.
func (f *session) foldInOrder(ctx context.Context, steps []step) error {
	for i, s := range steps {
		for j, ev := range s.events {
			if _, ok := ev.Data.(domain.ParkedSkipped); !ok || !f.chained {
				continue
			}
			at := ev.Raw.Offset
			before := append(append([]step{}, steps[:i]...), s.part(s.from, at, s.events[:j]))
			if err := f.fold(ctx, nonEmpty(before)); err != nil {
				return err
			}
			if err := f.fold(ctx, []step{s.part(at, at+1, s.events[j:j+1])}); err != nil {
				return err
			}
			after := append([]step{s.part(at+1, s.to, s.events[j+1:])}, steps[i+1:]...)
			return f.foldInOrder(ctx, nonEmpty(after))
		}
	}
	return f.fold(ctx, steps)
}

func nonEmpty(steps []step) []step {
	var out []step
	for _, s := range steps {
		if s.from < s.to {
			out = append(out, s)
		}
	}
	return out
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// pause waits, or returns why it must not.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func count(steps []step) int {
	n := 0
	for _, s := range steps {
		n += len(s.events)
	}
	return n
}
