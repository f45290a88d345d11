package projections

import "context"

var _ Bulk = (*directoryFold)(nil)

// Copy implements [Bulk]. Any record may replace an entity, so that all of them go at the end.
func (f *directoryFold) Copy(ctx context.Context, into CopyTarget, last bool) error {
	clear(f.gone) // no table holds their rows
	if !last {
		return nil
	}
	rows := f.byKind()
	for _, kind := range entityKinds {
		if err := kind.copy(ctx, into, rows[kind.kind]); err != nil {
			return err
		}
	}
	return nil
}
