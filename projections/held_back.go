package projections

import (
	"context"
	"time"
)

// heldLook is how often a session looks whether a verification still holds it back.
const heldLook = 20 * time.Millisecond

// foldHeld folds what a verification does not hold back, and returns the rest after a moment.
func (f *session) foldHeld(ctx context.Context, steps []step) (rest []step, err error) {
	holds, err := readHolds(ctx, f.pool, f.projector.Name(), f.current().Number)
	if err != nil {
		return steps, err
	}
	below, beyond := cutAt(steps, holds)
	if len(beyond) == 0 {
		return steps, nil // it was let go
	}
	if len(below) > 0 {
		return beyond, f.fold(ctx, below)
	}
	return beyond, pause(ctx, heldLook)
}

// readHolds returns beyond which offsets a verification lets no checkpoint move now.
func readHolds(ctx context.Context, q querier, projection string, generation int) (map[int32]int64, error) {
	return readOffsets(ctx, q, `
		select partition, hold_at from checkpoints
		where projection = $1 and generation = $2 and hold_at is not null and hold_until >= clock_timestamp()`, projection, generation)
}

// cutAt cuts steps in what may be folded now and what is held back.
func cutAt(steps []step, holds map[int32]int64) (below, beyond []step) {
	for _, s := range steps {
		hold, held := holds[s.partition]
		if !held || s.to <= hold {
			below = append(below, s)
			continue
		}
		hold = max(hold, s.from)
		n := 0
		for n < len(s.events) && s.events[n].Raw.Offset < hold {
			n++
		}
		below = append(below, s.part(s.from, hold, s.events[:n]))
		beyond = append(beyond, s.part(hold, s.to, s.events[n:]))
	}
	return nonEmpty(below), nonEmpty(beyond)
}
