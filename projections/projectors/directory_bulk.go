package projectors

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

var _ fold.Bulk = (*directoryFold)(nil)

// Take implements [fold.Bulk]. Any record may replace an entity, so that all of them go at the end.
func (f *directoryFold) Take(last bool) (fold.Handover, error) {
	if !last {
		return fold.HandNothing, nil
	}
	rows, erased := f.changed()
	return func(ctx context.Context, into write.CopyTarget) error {
		for _, kind := range entityKinds {
			if err := write.CopyRows(ctx, into, kind.insert, slices.Values(rows[kind.kind])); err != nil {
				return err
			}
		}
		return write.CopyRows(ctx, into, erasedEntities, slices.Values(erased))
	}, nil
}
