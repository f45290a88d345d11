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

// Copy implements [Bulk]. The trail goes at once, the states of connections at the end. Where partitions are
// folded apart, the statement before the keys of connection_states drops the older state of a connection.
func (f *operationsFold) Copy(ctx context.Context, into CopyTarget, last bool) error {
	if err := copyRows(ctx, into, trailTable, slices.Values(f.trail)); err != nil {
		return err
	}
	f.trail = nil
	if !last {
		return nil
	}
	return copyRows(ctx, into, statesTable, maps.Values(f.states))
}
