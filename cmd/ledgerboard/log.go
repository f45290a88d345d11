package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
)

type logCommand struct {
	service
	JSON bool `help:"Print a JSON object with all settings."`
}

func (l logCommand) Run(ctx context.Context, std streams) error {
	at, err := l.client(ctx)
	if err != nil {
		return err
	}
	topics, err := fetch[[]operator.Topic](ctx, at, "/api/ops/log")
	if err != nil {
		return err
	}
	if l.JSON {
		return tabular.NewLines(std.Out).Row(struct {
			Topics []operator.Topic `json:"topics"`
		}{topics})
	}
	return printTopics(std, topics)
}

func printTopics(std streams, topics []operator.Topic) error {
	const head = "TOPIC\tPARTITIONS\tRECORDS\tREPLICAS\tIN SYNC\tMIN IN SYNC\tCLEANUP\tSTATE"
	problems := ""
	err := printList(std.Out, false, topics, head, func(t operator.Topic) string {
		records, replicas, inSync := int64(0), 0, 0
		for i, p := range t.Partitions {
			records += p.End - p.Start
			if i == 0 || p.InSync < inSync {
				replicas, inSync = p.Replicas, p.InSync
			}
		}
		state := "ok"
		if t.Problem != "" {
			state, problems = "UNSAFE, see below", problems+"\n"+t.Problem+"\n"
		}
		return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s", t.Name, len(t.Partitions), records, replicas, inSync,
			t.Settings["min.insync.replicas"], t.Settings["cleanup.policy"], state)
	})
	fmt.Fprint(std.Out, problems)
	return err
}

func say(out io.Writer, asJSON bool, value any, format string, args ...any) error {
	if asJSON {
		return json.NewEncoder(out).Encode(value)
	}
	_, err := fmt.Fprintf(out, format, args...)
	return err
}

// show prints a JSON object, or does what prints it for people.
func show(out io.Writer, asJSON bool, value any, print func()) error {
	if asJSON {
		return json.NewEncoder(out).Encode(value)
	}
	print()
	return nil
}

// printList prints a JSON array, whose elements have the same keys (maps have their own), or a table; tabs
// separate the cells of head and lines.
func printList[T any](out io.Writer, asJSON bool, list []T, head string, line func(T) string) error {
	if asJSON {
		return tabular.NewLines(out).Row(append([]T{}, list...))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, head)
	for _, entry := range list {
		fmt.Fprintln(table, line(entry))
	}
	return table.Flush()
}
