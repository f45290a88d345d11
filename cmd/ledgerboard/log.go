package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// logCommand shows the topics of the log.
type logCommand struct {
	storage
	logging
	JSON bool `name:"json" help:"Print a JSON object, with all settings."`
}

// logReport is the answer of --json.
type logReport struct {
	Topics  []operator.Topic       `json:"topics"`
	Foreign []domain.ForeignRecord `json:"foreign"` // the first 20 of each topic
}

func (c logCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		topics, err := desk.Topics(ctx)
		if err != nil {
			return err
		}
		foreign, err := desk.ForeignRecords(ctx, foreignShown)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.Out).Encode(logReport{topics, foreign})
		}
		return errors.Join(printTopics(s, topics), printForeign(s, foreign))
	})
}

// printTopics shows the topics, a line each, and then what is wrong with any.
func printTopics(s streams, topics []operator.Topic) error {
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tPARTITIONS\tRECORDS\tREPLICAS\tIN SYNC\tMIN IN SYNC\tCLEANUP\tSTATE")
	for _, t := range topics {
		records, replicas, inSync := int64(0), 0, 0
		for i, p := range t.Partitions {
			records += p.End - p.Start
			if i == 0 || p.InSync < inSync {
				replicas, inSync = p.Replicas, p.InSync
			}
		}
		state := "ok"
		if t.Problem != "" {
			state = "UNSAFE, see below"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", t.Name, len(t.Partitions), records, replicas, inSync,
			t.Settings["min.insync.replicas"], t.Settings["cleanup.policy"], state)
	}
	err := table.Flush()
	for _, t := range topics {
		if t.Problem != "" {
			fmt.Fprintf(s.Out, "\n%s\n", t.Problem)
		}
	}
	return err
}

// foreignShown is how many foreign records of a topic are shown.
const foreignShown = 20

// printForeign shows records that nobody of ours wrote.
func printForeign(s streams, records []domain.ForeignRecord) error {
	if len(records) == 0 {
		return nil
	}
	fmt.Fprintf(s.Out, "\nForeign records, which count for nothing (the first %d of each topic; all that are kept are in kept.foreign_records).\n"+
		"Somebody without the tag key writes to the brokers: find out who, and take that right away.\n", foreignShown)
	return printList(s.Out, false, records, "TOPIC\tPARTITION\tOFFSET\tSEEN\tWHY", func(r domain.ForeignRecord) string {
		return fmt.Sprintf("%s\t%d\t%d\t%s\t%s", r.Topic, r.Partition, r.Offset, r.Seen.UTC().Format(time.RFC3339), plain(r.Reason))
	})
}
