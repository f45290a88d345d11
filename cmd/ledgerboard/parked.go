package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

type parkedCommand struct {
	List  parkedListCommand  `cmd:"" default:"withargs" help:"List parked events, with the reason."`
	Show  parkedShowCommand  `cmd:"" help:"Show one event as it stands in the log; it is recorded that you looked."`
	Retry parkedRetryCommand `cmd:"" help:"Fold events again, on dashboards with what waits behind them."`
	Skip  parkedSkipCommand  `cmd:"" help:"Leave an event out, one of dashboards for good, and fold what waits behind it."`
}

type parkedListCommand struct {
	storage
	logging
	JSON bool `name:"json" help:"Print a JSON list."`
}

func (c parkedListCommand) Run(ctx context.Context, s streams) error {
	return look(ctx, c.storage, c.logger(s), func(desk *desk.Looks) error {
		events, err := desk.Parked(ctx, operator.ParkedFilter{})
		if err != nil {
			return refused(err)
		}
		if len(events) == 0 && !c.JSON {
			fmt.Fprintln(s.Out, "nothing is parked")
			return nil
		}
		return printList(s.Out, c.JSON, events, "ID\tSTATE\tSTREAM\tTYPE\tREASON\tBEHIND IT\tDETAIL", func(e operator.ParkedEvent) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%.100s", e.ID, e.State, e.Stream, e.Type, e.Reason, e.Behind, e.Detail)
		})
	})
}

type parkedShowCommand struct {
	storage
	logging
	actionFlags
	ID string `arg:"" name:"id" help:"The event, as the list shows it."`
}

func (c parkedShowCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		reason, err := c.confirm(s, "show the payload of "+c.ID+" and record that you looked")
		if err != nil {
			return err
		}
		record, err := desk.InspectParked(ctx, operatorCaller(), c.ID, reason)
		if err != nil {
			return refused(err)
		}
		out := json.NewEncoder(s.Out)
		out.SetIndent("", "  ")
		return out.Encode(record)
	})
}

type parkedRetryCommand struct {
	storage
	logging
	actionFlags
	IDs  []string `arg:"" optional:"" name:"id" help:"Events, as the list shows them: PROJECTION-PARTITION-OFFSET. None: all."`
	JSON bool     `name:"json" help:"Print a JSON object."`
}

// errStillParked ends a retry that did not fold everything.
var errStillParked = errors.New("some events cannot be folded now either: 'ledgerboard parked show ID' shows one. " +
	"If a newer program knows its type, upgrade and retry; else 'ledgerboard parked skip ID'")

func (c parkedRetryCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		events, err := desk.Parked(ctx, operator.ParkedFilter{IDs: c.IDs, State: projections.ParkedWaits})
		if err != nil {
			return refused(err)
		}
		reason, err := c.confirm(s, "fold "+operator.ParkedEvents(len(events))+" again")
		if err != nil {
			return err
		}
		result, err := desk.RetryParked(ctx, operatorCaller(), c.IDs, reason)
		if err != nil {
			return refused(err)
		}
		if c.JSON {
			err = json.NewEncoder(s.Out).Encode(result)
		} else {
			fmt.Fprintf(s.Out, "%d folded, %d still parked\n", result.Folded, len(result.Parked))
			printParked(s, result.Parked)
		}
		if err == nil && len(result.Parked) > 0 {
			err = errStillParked
		}
		return err
	})
}

type parkedSkipCommand struct {
	storage
	logging
	actionFlags
	ID   string `arg:"" name:"id" help:"The event, as the list shows it."`
	JSON bool   `name:"json" help:"Print a JSON object."`
}

func (c parkedSkipCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		events, err := desk.Parked(ctx, operator.ParkedFilter{IDs: []string{c.ID}})
		if err != nil {
			return refused(err)
		}
		for _, e := range events {
			fmt.Fprintf(s.Err, "%s of %s, %s: %s\n", e.ID, plain(e.Stream), e.Reason, plain(e.Detail))
		}
		if len(events) > 0 && events[0].State == projections.ParkedSkipped {
			return c.told(s, operator.SkipResult{ID: c.ID, Already: true, Parked: []operator.StillParked{}})
		}
		what := "leave " + c.ID + " out; of dashboards for good: no rebuild brings it back"
		if len(events) > 0 && events[0].Behind > 0 {
			what += fmt.Sprintf(", and fold %d events again that wait behind it", events[0].Behind)
		}
		reason, err := c.confirm(s, what)
		if err != nil {
			return err
		}
		result, err := desk.SkipParked(ctx, operatorCaller(), c.ID, reason)
		if err != nil {
			return refused(err)
		}
		return c.told(s, result)
	})
}

func (c parkedSkipCommand) told(s streams, result operator.SkipResult) error {
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(result)
	}
	switch {
	case result.Already:
		fmt.Fprintf(s.Out, "%s was skipped before; nothing was done\n", result.ID)
	case result.Unknown:
		fmt.Fprintf(s.Out, "%s is skipped; what waited behind it could not be looked at: 'ledgerboard parked' lists what is still parked\n", result.ID)
	default:
		fmt.Fprintf(s.Out, "%s is skipped, %d behind it folded, %d still parked\n", result.ID, result.Folded, len(result.Parked))
	}
	printParked(s, result.Parked)
	return nil
}

func printParked(s streams, left []operator.StillParked) {
	for _, p := range left {
		fmt.Fprintf(s.Out, "  %s: %s: %s\n", p.ID, p.Reason, plain(p.Detail))
	}
}
