package projections

import (
	"context"
	"slices"
)

var _ Bulk = (*directoryFold)(nil)

// Take implements [Bulk]. Any record may replace an entity, so that all of them go at the end.
func (f *directoryFold) Take(last bool) (Handover, error) {
	if !last {
		return handNothing, nil
	}
	rows, erased := f.changed()
	return func(ctx context.Context, into CopyTarget) error {
		for _, kind := range entityKinds {
			if err := copyRows(ctx, into, kind.insert, slices.Values(rows[kind.kind])); err != nil {
				return err
			}
		}
		return copyRows(ctx, into, erasedEntities, slices.Values(erased))
	}, nil
}
