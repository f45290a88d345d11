package projections

import (
	"context"
	"time"
)

// passOverWithin is how long a checkpoint may stand before records that belong to other projections of the topic. They change no
// row: a transaction for each poll of them would be half of all transactions.
const passOverWithin = 100 * time.Millisecond

// passLater remembers how far steps without any event go, instead of folding them; false: fold them. A generation that
// readers do not use yet moves at once: a switch waits for it.
func (f *session) passLater(steps []step) bool {
	if count(steps) > 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen.State != StateLive {
		return false
	}
	if len(f.passed) == 0 {
		f.passAt = time.Now().Add(passOverWithin)
	}
	for _, s := range steps {
		f.passed[s.partition] = s.part(s.from, s.to, nil)
	}
	return true
}

// goOn lets steps begin at the checkpoints, which may stand before records that were passed over.
func (f *session) goOn(steps []step) {
	f.update(func() {
		for i := range steps {
			steps[i].from = f.next[steps[i].partition]
		}
	})
}

// passIn is how long a poll may wait for records before checkpoints must move, at most so long.
func (f *session) passIn(most time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.passed) == 0 {
		return most
	}
	return max(0, min(most, time.Until(f.passAt)))
}

// passOver moves checkpoints over records that were passed over. Whose partition was taken away meanwhile loses nothing:
// the next process reads them again.
func (f *session) passOver(ctx context.Context) error {
	var steps []step
	f.update(func() {
		for partition, s := range f.passed {
			steps = append(steps, s.part(f.next[partition], s.to, nil))
		}
	})
	if err := f.fold(ctx, steps); err != nil {
		return err
	}
	f.note(steps)
	return nil
}
