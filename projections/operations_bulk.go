package projections

import (
	"context"
	"maps"
	"slices"
)

var (
	_ Bulk     = (*operationsFold)(nil)
	_ spanning = Operations{}
)

// spansPartitions implements [spanning]: a connection that came to another agency has states in two partitions.
func (Operations) spansPartitions() {}

// Take implements [Bulk]. The trail goes at once, the states of connections at the end. Where partitions are
// folded apart, the statement before the keys of connection_states drops the older state of a connection.
func (f *operationsFold) Take(last bool) (Handover, error) {
	trail := f.trail
	f.trail = nil
	return func(ctx context.Context, into CopyTarget) error {
		if err := copyRows(ctx, into, trailTable, slices.Values(trail)); err != nil || !last {
			return err
		}
		return copyRows(ctx, into, statesTable, maps.Values(f.states))
	}, nil
}
