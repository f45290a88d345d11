package projections

import "context"

var _ Bulk = (*directoryFold)(nil)

// Take implements [Bulk]. Any record may replace an entity, so that all of them go at the end.
func (f *directoryFold) Take(last bool) (Handover, error) {
	clear(f.gone) // no table holds their rows
	if !last {
		return handNothing, nil
	}
	rows := f.byKind()
	return func(ctx context.Context, into CopyTarget) error {
		for _, kind := range entityKinds {
			if err := kind.copy(ctx, into, rows[kind.kind]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
