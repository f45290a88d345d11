package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/operations"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

type parkedCommand struct {
	List  parkedListCommand  `cmd:"" default:"withargs" help:"List parked events and why they are parked."`
	Show  parkedShowCommand  `cmd:"" help:"Show one event as it is in the log. The access is recorded."`
	Retry parkedRetryCommand `cmd:"" help:"Fold events again; on topic dashboards, also the events queued after them."`
	Skip  parkedSkipCommand  `cmd:"" help:"Skip an event and fold the events queued after it. On topic dashboards this is permanent."`
}

type parkedListCommand struct {
	installation
	JSON bool `help:"Print a JSON array."`
}

func (c parkedListCommand) Run(ctx context.Context, s streams) error {
	return c.withDatabase(ctx, s, func(ops *operations.Views) error {
		events, err := ops.Parked(ctx, operator.ParkedFilter{})
		if err != nil {
			return commandError(err)
		}
		if len(events) == 0 && !c.JSON {
			fmt.Fprintln(s.Out, "there are no parked events")
			return nil
		}
		const head = "ID\tSTATE\tSTREAM\tTYPE\tREASON\tQUEUED\tDETAIL"
		return printList(s.Out, c.JSON, events, head, func(e operator.ParkedEvent) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%.100s",
				e.ID, e.State, e.Stream, e.Type, e.Reason, e.Behind, e.Detail)
		})
	})
}

type parkedShowCommand struct {
	installation
	actionFlags
	ID string `arg:"" help:"Event id, as shown by 'parked list'."`
}

func (c parkedShowCommand) Run(ctx context.Context, s streams) error {
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		reason, err := c.confirm(s, "show the payload of event "+c.ID+" and record this access")
		if err != nil {
			return err
		}
		record, err := ops.InspectParked(ctx, operatorCaller(), c.ID, reason)
		if err != nil {
			return commandError(err)
		}
		out := json.NewEncoder(s.Out)
		out.SetIndent("", "  ")
		return out.Encode(record)
	})
}

type parkedRetryCommand struct {
	installation
	actionFlags
	IDs  []string `arg:"" optional:"" name:"id" help:"Event ids, as shown by 'parked list': PROJECTION-PARTITION-OFFSET. Default: all."`
	JSON bool     `help:"Print a JSON object."`
}

var errStillParked = errors.New("some events still cannot be folded: 'ledgerboard parked show ID' shows an event. " +
	"If a newer program version supports its type, upgrade and retry. 'ledgerboard parked skip ID' skips an event, " +
	"but not one that breaks the chain of its stream: then restore the log")

func (c parkedRetryCommand) Run(ctx context.Context, s streams) error {
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		events, err := ops.Parked(ctx, operator.ParkedFilter{IDs: c.IDs, State: projections.ParkedWaits})
		if err != nil {
			return commandError(err)
		}
		reason, err := c.confirm(s, "fold "+operator.ParkedEvents(len(events))+" again")
		if err != nil {
			return err
		}
		result, err := ops.RetryParked(ctx, operatorCaller(), c.IDs, reason)
		if err != nil {
			return commandError(err)
		}
		if c.JSON {
			err = json.NewEncoder(s.Out).Encode(result)
		} else {
			fmt.Fprintf(s.Out, "%d folded, %d failed again\n", result.Folded, len(result.Parked))
			printParked(s, result.Parked)
		}
		if err == nil && len(result.Parked) > 0 {
			err = errStillParked
		}
		return err
	})
}

type parkedSkipCommand struct {
	installation
	actionFlags
	ID   string `arg:"" help:"Event id, as shown by 'parked list'."`
	JSON bool   `help:"Print a JSON object."`
}

func (c parkedSkipCommand) Run(ctx context.Context, s streams) error {
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		events, err := ops.Parked(ctx, operator.ParkedFilter{IDs: []string{c.ID}})
		if err != nil {
			return commandError(err)
		}
		for _, e := range events {
			fmt.Fprintf(s.Err, "%s of %s, %s: %s\n", e.ID, plain(e.Stream), e.Reason, plain(e.Detail))
		}
		if len(events) > 0 && events[0].State == projections.ParkedSkipped {
			return c.printResult(s, operator.SkipResult{ID: c.ID, Already: true, Parked: []operator.StillParked{}})
		}
		what := "skip " + c.ID + "; on topic dashboards this is permanent, and no rebuild restores the event"
		if len(events) > 0 && events[0].Behind > 0 {
			what += fmt.Sprintf(", and fold the %d events queued after it", events[0].Behind)
		}
		reason, err := c.confirm(s, what)
		if err != nil {
			return err
		}
		result, err := ops.SkipParked(ctx, operatorCaller(), c.ID, reason)
		if err != nil {
			return commandError(err)
		}
		return c.printResult(s, result)
	})
}

func (c parkedSkipCommand) printResult(s streams, result operator.SkipResult) error {
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(result)
	}
	switch {
	case result.Already:
		fmt.Fprintf(s.Out, "%s was already skipped; nothing was changed\n", result.ID)
	case result.Unknown:
		fmt.Fprintf(s.Out, "%s was skipped, but the events queued after it could not be checked: "+
			"'ledgerboard parked' lists the events that are still parked\n", result.ID)
	default:
		fmt.Fprintf(s.Out, "%s was skipped; %d queued events folded, %d still parked\n",
			result.ID, result.Folded, len(result.Parked))
	}
	printParked(s, result.Parked)
	return nil
}

func printParked(s streams, left []operator.StillParked) {
	for _, p := range left {
		fmt.Fprintf(s.Out, "  %s: %s: %s\n", p.ID, p.Reason, plain(p.Detail))
	}
}
