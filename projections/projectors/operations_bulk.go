package projectors

import (
	"context"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

var (
	_ fold.Bulk     = (*operationsFold)(nil)
	_ fold.Spanning = Operations{}
)

// SpansPartitions implements [fold.Spanning]: a connection that came to another agency has states in two partitions.
func (Operations) SpansPartitions() bool { return true }

// Take implements [fold.Bulk]. The trail goes at once, the states of connections at the end. Where partitions are
// folded apart, the statement before the keys of connection_states drops the older state of a connection.
func (f *operationsFold) Take(last bool) (fold.Handover, error) {
	trail := f.trail
	f.trail = nil
	return func(ctx context.Context, into write.CopyTarget) error {
		if err := write.CopyRows(ctx, into, trailTable, slices.Values(trail)); err != nil || !last {
			return err
		}
		return write.CopyRows(ctx, into, statesTable, maps.Values(f.states))
	}, nil
}
