package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type deadLettersCommand struct {
	List  deadLettersListCommand `cmd:"" default:"withargs" help:"List dead letters: events that could not be folded, and why."`
	Show  deadLetterShowCommand  `cmd:"" help:"Show one event as it is in the log. The access is recorded."`
	Retry streamRetryCommand     `cmd:"" help:"Fold the stream that an event has stopped again from its start."`
	Skip  eventSkipCommand       `cmd:"" help:"Skip the event that has stopped a stream permanently, and fold the stream again."`
}

type deadLettersListCommand struct {
	service
	JSON bool `help:"Print a JSON array."`
}

func (d deadLettersListCommand) Run(ctx context.Context, std streams) error {
	at, err := d.client(ctx)
	if err != nil {
		return err
	}
	letters, _, err := list[operator.DeadLetter](ctx, at, "/api/ops/dead-letters", url.Values{}, 0)
	if err != nil {
		return err
	}
	if len(letters) == 0 && !d.JSON {
		fmt.Fprintln(std.Out, "there are no dead letters")
		return nil
	}
	const head = "ID\tSTREAM\tTYPE\tREASON\tSTOPPED\tWAITING\tDETAIL"
	return printList(std.Out, d.JSON, letters, head, func(letter operator.DeadLetter) string {
		stopped := "-"
		if letter.StopsStream() {
			stopped = fmt.Sprintf("version %d", letter.StoppedAt)
		}
		waiting := "unknown"
		if letter.Waiting != nil {
			waiting = strconv.FormatInt(*letter.Waiting, 10)
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", letter.ID, letter.Stream, letter.Type, letter.Reason, stopped, waiting, letter.Text())
	})
}

type deadLetterAction struct {
	serviceAction
	ID string `arg:"" help:"Id of a dead letter, as shown by 'dead-letters list'."`
}

func (d deadLetterAction) path(verb string) string {
	return "/api/ops/dead-letters/" + url.PathEscape(d.ID) + verb
}

type deadLetterShowCommand struct{ deadLetterAction }

func (d deadLetterShowCommand) Run(ctx context.Context, std streams) error {
	what := "show the payload of event " + d.ID + " and record this access"
	record, err := doAction[operator.DeadRecord](ctx, std, d.serviceAction, what, d.path("/show"))
	if err != nil {
		return err
	}
	out := json.NewEncoder(std.Out)
	out.SetIndent("", "  ")
	return out.Encode(record)
}

type streamRetryCommand struct {
	deadLetterAction
	JSON bool `help:"Print a JSON object."`
}

func (s streamRetryCommand) Run(ctx context.Context, std streams) error {
	return s.foldStream(ctx, std, s.JSON, "fold its stream again from its start", "/retry")
}

type eventSkipCommand struct {
	deadLetterAction
	JSON bool `help:"Print a JSON object."`
}

func (e eventSkipCommand) Run(ctx context.Context, std streams) error {
	return e.foldStream(ctx, std, e.JSON, "skip it permanently, and fold its stream again from its start", "/skip")
}

var errStoppedAgain = errors.New("the stream has stopped again: 'ledgerboard dead-letters show ID' shows the event. " +
	"If a newer program version supports its type, upgrade and retry. 'ledgerboard dead-letters skip ID' skips the event, " +
	"but not one that breaks the chain of its stream: then restore the log")

func (d deadLetterAction) foldStream(ctx context.Context, std streams, asJSON bool, what, verb string) error {
	at, err := d.client(ctx)
	if err != nil {
		return err
	}
	letter, err := fetch[operator.DeadLetter](ctx, at, d.path(""))
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s of %s, %s: %s\n", letter.ID, plain(letter.Stream), letter.Reason, letter.Text())
	reason, err := d.confirm(std, what)
	if err != nil {
		return err
	}
	result, err := act[operator.StreamFolded](ctx, at, d.path(verb), reason)
	if err != nil {
		return err
	}
	switch stopped := result.Stopped; {
	case asJSON:
		err = json.NewEncoder(std.Out).Encode(result)
	case stopped == nil:
		fmt.Fprintf(std.Out, "stream %s is folded; nothing waits any more\n", result.Stream)
	default:
		fmt.Fprintf(std.Out, "stream %s has stopped at %s: %s: %s\n", result.Stream, stopped.ID, stopped.Reason, stopped.Text())
	}
	if err == nil && result.Stopped != nil {
		err = errStoppedAgain
	}
	return err
}
