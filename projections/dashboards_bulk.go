package projections

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

var _ Bulk = (*dashboardsFold)(nil)

// Copy implements [Bulk]. History and notices go at once. What is remembered of commands stays until the end, because
// the time of a later record decides what is forgotten; what is forgotten already is dropped.
func (f *dashboardsFold) Copy(ctx context.Context, into CopyTarget, last bool) error {
	if err := copyRows(ctx, into, historyTable, slices.Values(f.history)); err != nil {
		return err
	}
	if err := copyRows(ctx, into, noticesTable, slices.Values(f.notices)); err != nil {
		return err
	}
	f.history, f.notices = nil, nil
	maps.DeleteFunc(f.commands, func(_ commandScope, r commandRow) bool {
		return r.time.Before(f.streams[r.parent].head.Time.Add(-domain.CommandMemory))
	})
	if !last {
		return nil
	}
	if err := copyRows(ctx, into, commandsTable, maps.Values(f.commands)); err != nil {
		return err
	}
	if err := copyRows(ctx, into, headsTable, f.heads()); err != nil {
		return err
	}
	return copyRows(ctx, into, preferencesTable, f.preferences())
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
