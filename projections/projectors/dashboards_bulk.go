package projectors

import (
	"context"
	"iter"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

var _ fold.Bulk = (*dashboardsFold)(nil)

// Take implements [fold.Bulk]. History and notices go at once. What is remembered of commands stays, packed, until the end,
// because the time of a later record decides what is forgotten; what is forgotten already is dropped.
func (f *dashboardsFold) Take(last bool) (fold.Handover, error) {
	history, notices := f.history, f.notices
	f.history, f.notices = nil, nil
	for _, row := range f.commands {
		f.packed.add(row)
	}
	for _, row := range f.commands { // of each agency that has a record since the last time
		f.packed.forget(row.parent, f.streams[row.parent].head)
	}
	clear(f.commands)
	return func(ctx context.Context, into write.CopyTarget) error {
		if err := write.CopyRows(ctx, into, historyTable, slices.Values(history)); err != nil {
			return err
		}
		if err := write.CopyRows(ctx, into, noticesTable, slices.Values(notices)); err != nil || !last {
			return err
		}
		return f.copyRest(ctx, into)
	}, nil
}

// copyRest hands over what any record may change.
func (f *dashboardsFold) copyRest(ctx context.Context, into write.CopyTarget) error {
	head := func(parent string) domain.StreamHead { return f.streams[parent].head }
	if err := write.CopyRows(ctx, into, commandsTable, f.packed.remembered(head)); err != nil {
		return err
	}
	if err := write.CopyRows(ctx, into, headsTable, f.heads()); err != nil {
		return err
	}
	return write.CopyRows(ctx, into, preferencesTable, f.preferences())
}

func (f *dashboardsFold) heads() iter.Seq[headRow] {
	return func(yield func(headRow) bool) {
		for parent, s := range f.streams {
			if s.moved && !yield(headRow{parent, s.head}) {
				return
			}
		}
	}
}

func (f *dashboardsFold) preferences() iter.Seq[domain.Dashboard] {
	return func(yield func(domain.Dashboard) bool) {
		for _, s := range f.streams {
			for _, d := range s.dashboards {
				if !yield(d) {
					return
				}
			}
		}
	}
}
