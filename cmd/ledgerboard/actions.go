package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type actionsCommand struct {
	storage
	logging
	Limit int  `default:"50" help:"The newest so many."`
	JSON  bool `name:"json" help:"Print a JSON list."`
}

func (c actionsCommand) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit is %d; use 1 or more", c.Limit)}
	}
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		actions, _, err := desk.Actions(ctx, c.Limit, "")
		if err != nil {
			return err
		}
		if len(actions) == 0 && !c.JSON {
			fmt.Fprintln(s.Out, "operators have done nothing yet")
			return nil
		}
		return printList(s.Out, c.JSON, actions, "TIME (UTC)\tWHO\tACTION\tON\tREASON\tOUTCOME\tWHY", func(a operator.Action) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", a.Time.Format(time.DateTime), plain(a.Actor), a.Action, plain(targetInWords(a.Target)),
				reasonInWords(a), outcomeInWords(a), plain(cmp.Or(a.Why, string(a.Code))))
		})
	})
}

func reasonInWords(a operator.Action) string {
	if a.Role == "agency" {
		return "by the agency itself"
	}
	return plain(strings.TrimSuffix(strings.ReplaceAll(string(a.Reason.Code), "_", " ")+", "+a.Reason.Ticket, ", "))
}

func targetInWords(t domain.OperatorTarget) string {
	var words []string
	say := func(given bool, format string, args ...any) {
		if given {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	say(t.Projection != "" && t.Generation == 0, "%s", t.Projection)
	say(t.Projection != "" && t.Generation != 0, "%s.g%d", t.Projection, t.Generation)
	say(t.Platform != 0, "%s", t.Platform)
	if p := t.Position; p != nil {
		say(true, "%s-%d-%d", p.Topic, p.Partition, p.Offset)
	}
	say(t.Count > 1, "%d events", t.Count)
	say(t.Connection != 0, "connection %d", t.Connection)
	say(t.User != "", "user %s", t.User)
	say(t.Member != 0, "member %d", t.Member)
	if t.Until != nil {
		say(true, "until %s", t.Until.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}

// outcomeInWords says what came of an action; of a rebuild also how far it is now.
func outcomeInWords(a operator.Action) string {
	words := string(a.Outcome)
	if a.RebuildState != "" {
		words += ", rebuild " + strings.ReplaceAll(string(a.RebuildState), "_", " ")
	}
	if a.Count+a.Left > 0 {
		words += fmt.Sprintf(", %d events", a.Count)
	}
	if a.Left > 0 {
		words += fmt.Sprintf(", %d in vain", a.Left)
	}
	return words
}
