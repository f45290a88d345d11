package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// restWithin bounds how long an answer without a record waits for tables that hold what the log does.
const restWithin = 3 * time.Second

// consider loads and decides: the event to be recorded, or none. A record is judged by the log itself. An answer without
// one (nothing to change, a refusal, an earlier command, a preview) rests on stored state alone; so it is given only when the tables
// had folded the agency's partition up to where the log ended after the request came. Tables that were set back would
// else acknowledge a change that the log contradicts.
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
				d.Logger.WarnContext(ctx, "read the end of the log", "command_id", c.commandID, "error", err)
				return view, nil, unavailable("The log does not answer, so that nobody knows whether what is stored still holds. Nothing was changed; try again.")
			}
		}
		if view.Folded >= end {
			return view, event, refusal
		}
		select {
		case <-moved:
		case <-time.After(lookAgain):
		case <-waiting.Done():
			return view, nil, unavailable("The read model does not hold all that the log does (%d records to go). Nothing was changed; try again.", end-view.Folded)
		}
	}
}

// load looks at the agency, unless its stream takes no commands.
func (d *Dashboards) load(ctx context.Context, c change) (domain.FactsView, error) {
	view, err := d.Store.Load(ctx, c.need)
	switch {
	case err != nil && ctx.Err() != nil:
		return view, unavailable("The change took too long. Nothing was changed; try again.")
	case err != nil:
		return view, fmt.Errorf("load dashboards: %w", err)
	case view.Refusal != "":
		return view, unavailable("Changes of this agency are not taken now: %s. Nothing was changed.", view.Refusal)
	}
	return view, nil
}

// How long an answer waits for tables to show what was appended.
const (
	shownWithin = 5 * time.Second
	glanceAgain = 500 * time.Millisecond // where no move of the tables is heard of
)

// Shown waits until the tables show what was appended, for a while, and tells whether they do; not where they cannot be asked. Moved
// returns a channel that is closed when the tables move next.
func Shown(ctx context.Context, moved func() <-chan struct{}, look func(ctx context.Context) (bool, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	for {
		next := moved()
		if seen, err := look(ctx); err != nil || seen {
			return seen && err == nil
		}
		select {
		case <-next:
		case <-time.After(glanceAgain):
		case <-ctx.Done():
			return false
		}
	}
}
