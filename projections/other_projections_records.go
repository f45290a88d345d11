package projections

import (
	"context"
	"time"
)

// passOverWithin is how long a checkpoint may lag behind records of the topic's other projections.
// These records change no row; if each poll of them had a transaction, half of all transactions
// would write only a checkpoint.
const passOverWithin = 100 * time.Millisecond

// passLater notes the ends of steps without events, so that [session.passOver] can move the
// checkpoints later. It returns false if the steps must be folded. A generation that is not live
// folds all steps, because a switch waits for its checkpoints.
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

// goOn sets the start of each step to its checkpoint, which may be before records that were passed
// over.
func (f *session) goOn(steps []step) {
	f.update(func() {
		for i := range steps {
			steps[i].from = f.next[steps[i].partition]
		}
	})
}

// passIn returns how long a poll may wait before the checkpoints must move, but at most limit.
func (f *session) passIn(limit time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.passed) == 0 {
		return limit
	}
	return max(0, min(limit, time.Until(f.passAt)))
}

// passOver moves the checkpoints past records that were passed over. If a partition was reassigned
// before that, nothing is lost: the next process reads the records again.
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
