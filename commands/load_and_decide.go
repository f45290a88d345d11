package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// restWithin bounds how long an answer without a record waits for the tables to catch up with the
// log.
const restWithin = 3 * time.Second

// consider loads the facts and decides. It returns the event to record, or nil. The log itself
// judges a record. An answer without a record (nothing to change, a refusal, an earlier command, a
// preview) depends on stored state alone, so it is given only after the tables have folded the
// agency's partition up to the end of the log at the time of the request. Otherwise tables that
// were restored from a backup could confirm a change that the log contradicts.
func (d *Dashboards) consider(ctx context.Context, c change) (view domain.FactsView, event domain.Data, err error) {
	waiting, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	for end := int64(-1); ; {
		moved := d.Store.Moved(c.ParentAccount)
		if view, err = d.load(ctx, c); err != nil {
			return view, nil, err
		}
		var refusal error
		if view.Earlier == nil {
			event, refusal = c.decide(view)
		}
		if event != nil && refusal == nil && !c.preview || d.EndOf == nil {
			return view, event, refusal
		}
		if end < 0 {
			if end, err = d.EndOf(ctx, c.need.Partition); err != nil {
				d.Logger.WarnContext(ctx, "read log end", "command_id", c.commandID, "error", err)
				return view, nil, unavailable("The log does not respond, so the stored state cannot be confirmed. Nothing was changed. Try again.")
			}
		}
		if view.Folded >= end {
			return view, event, refusal
		}
		select {
		case <-moved:
		case <-time.After(pollInterval):
		case <-waiting.Done():
			return view, nil, unavailable("The read model is %d records behind the log. Nothing was changed. Try again.", end-view.Folded)
		}
	}
}

// load reads the facts of the agency. It returns an error if its stream accepts no commands.
func (d *Dashboards) load(ctx context.Context, c change) (domain.FactsView, error) {
	view, err := d.Store.Load(ctx, c.need)
	switch {
	case err != nil && ctx.Err() != nil:
		return view, unavailable("The change took too long. Nothing was changed. Try again.")
	case err != nil:
		return view, fmt.Errorf("load dashboards: %w", err)
	case view.Refusal != "":
		return view, unavailable("Changes of this agency are not accepted now: %s. Nothing was changed.", view.Refusal)
	}
	return view, nil
}

// Limits of waiting until tables show appended records.
const (
	shownWithin       = 5 * time.Second
	tablePollInterval = 500 * time.Millisecond // if no change of the tables is signaled
)

// AwaitTables waits a limited time until look reports that the tables show appended records, and
// reports whether they do. It stops at the first error of look. moved returns a channel that is
// closed at the tables' next change.
func AwaitTables(ctx context.Context, moved func() <-chan struct{}, look func(ctx context.Context) (bool, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	for {
		next := moved()
		if visible, err := look(ctx); err != nil || visible {
			return visible && err == nil
		}
		select {
		case <-next:
		case <-time.After(tablePollInterval):
		case <-ctx.Done():
			return false
		}
	}
}
