package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// parkedCommand shows events that are in the log and were not folded, and acts on them.
type parkedCommand struct {
	List        parkedListCommand        `cmd:"" default:"withargs" help:"List parked events, with the reason: also what the same flags would retry or acknowledge."`
	Show        parkedShowCommand        `cmd:"" help:"Show one event as it stands in the log; its texts are masked unless --unmask is given."`
	Retry       parkedRetryCommand       `cmd:"" help:"Fold events again, on dashboards with what waits behind them."`
	Skip        parkedSkipCommand        `cmd:"" help:"Leave an event of dashboards out for good, and fold what waits behind it."`
	Acknowledge parkedAcknowledgeCommand `cmd:"" help:"Note that events were looked after; tables stay as they are."`
}

// parkedChoice are the flags that choose parked events.
type parkedChoice struct {
	storage
	logging
	IDs        []string `arg:"" optional:"" name:"id" help:"Events, as the list shows them: PROJECTION-PARTITION-OFFSET."`
	Projection string   `help:"Events of this read model."`
	Stream     string   `help:"Events of the stream of this key, which on dashboards is an agency."`
	Type       string   `help:"Events of this type, by its whole name."`
}

func (c parkedChoice) filter() operator.ParkedFilter {
	return operator.ParkedFilter{IDs: c.IDs, Projection: c.Projection, Stream: c.Stream, Type: c.Type}
}

// chooses refuses to act on everything.
func (c parkedChoice) chooses() error {
	if len(c.IDs) == 0 && c.Projection == "" && c.Stream == "" && c.Type == "" {
		return usageError{errors.New("name events, or choose them with --projection, --stream or --type; 'ledgerboard parked' lists them")}
	}
	return nil
}

type parkedListCommand struct {
	parkedChoice
	JSON bool `name:"json" help:"Print a JSON list."`
}

func (c parkedListCommand) Run(ctx context.Context, s streams) error {
	return look(ctx, c.storage, c.logger(s), func(desk *desk.Looks) error {
		events, err := desk.Parked(ctx, c.filter())
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
	ID     string `arg:"" name:"id" help:"The event, as the list shows it."`
	Unmask bool   `help:"Show texts of the payload too. It is recorded that you looked."`
}

func (c parkedShowCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		var record operator.ParkedRecord
		var err error
		if c.Unmask {
			reason, refusal := c.confirm(s, "show the payload of "+c.ID+" and record that you looked")
			if refusal != nil {
				return refusal
			}
			record, err = desk.InspectParked(ctx, operatorCaller(), c.ID, &reason)
		} else {
			record, err = desk.InspectParked(ctx, operatorCaller(), c.ID, nil)
		}
		if err != nil {
			return refused(err)
		}
		out := json.NewEncoder(s.Out)
		out.SetIndent("", "  ")
		return out.Encode(record)
	})
}

type parkedRetryCommand struct {
	parkedChoice
	actionFlags
	JSON bool `name:"json" help:"Print a JSON object."`
}

// errStillParked ends a retry that did not fold everything.
var errStillParked = errors.New("some events cannot be folded now either: 'ledgerboard parked show ID' shows one. " +
	"If a newer program knows its type, upgrade and retry; else 'ledgerboard parked skip ID' on dashboards, 'acknowledge' elsewhere")

func (c parkedRetryCommand) Run(ctx context.Context, s streams) error {
	return c.decide(ctx, s, c.actionFlags, "fold %s again", func(desk *desk.Desk, reason domain.Reason) error {
		result, err := desk.RetryParked(ctx, operatorCaller(), c.filter(), reason)
		if err != nil {
			return err
		}
		if c.JSON {
			err = json.NewEncoder(s.Out).Encode(result)
		} else {
			fmt.Fprintf(s.Out, "%d folded, %d still parked\n", result.Folded, len(result.Parked))
			for _, p := range result.Parked {
				fmt.Fprintf(s.Out, "  %s: %s: %s\n", p.ID, p.Reason, p.Detail)
			}
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
		what := "leave " + c.ID + " out for good: no rebuild brings it back"
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

// told says what became of the events.
func (c parkedSkipCommand) told(s streams, result operator.SkipResult) error {
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(result)
	}
	if result.Already {
		fmt.Fprintf(s.Out, "%s was skipped before; nothing was done\n", result.ID)
		return nil
	}
	if result.Unknown {
		fmt.Fprintf(s.Out, "%s is skipped; what waited behind it could not be looked at: 'ledgerboard parked' lists what is still parked\n", result.ID)
		return nil
	}
	fmt.Fprintf(s.Out, "%s is skipped, %d behind it folded, %d still parked\n", result.ID, result.Folded, len(result.Parked))
	for _, p := range result.Parked {
		fmt.Fprintf(s.Out, "  %s: %s: %s\n", p.ID, p.Reason, plain(p.Detail))
	}
	return nil
}

type parkedAcknowledgeCommand struct {
	parkedChoice
	actionFlags
}

func (c parkedAcknowledgeCommand) Run(ctx context.Context, s streams) error {
	const what = "note that somebody looked after %s"
	return c.decide(ctx, s, c.actionFlags, what, func(desk *desk.Desk, reason domain.Reason) error {
		n, err := desk.AcknowledgeParked(ctx, operatorCaller(), c.filter(), reason)
		if err == nil {
			fmt.Fprintf(s.Out, "%d acknowledged\n", n)
		}
		return err
	})
}

// decide previews, asks and does.
func (c parkedChoice) decide(ctx context.Context, s streams, flags actionFlags, what string, do func(*desk.Desk, domain.Reason) error) error {
	if err := c.chooses(); err != nil {
		return err
	}
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		events, err := desk.Parked(ctx, c.filter())
		if err != nil {
			return refused(err)
		}
		reason, err := flags.confirm(s, fmt.Sprintf(what, operator.ParkedEvents(len(events))))
		if err != nil {
			return err
		}
		return refused(do(desk, reason))
	})
}
