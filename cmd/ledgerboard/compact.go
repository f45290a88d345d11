package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"text/tabwriter"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// compactCommand compacts the log of the broker inside this program, which never does so by itself: what was erased leaves its files.
type compactCommand struct {
	storage
	logging
	JSON bool `name:"json" help:"Print a JSON object."`
}

// compactReport is the answer of --json.
type compactReport struct {
	Topics []embedded.Compacted `json:"topics"`
}

func (c compactCommand) Run(ctx context.Context, s streams) error {
	dir := c.embedded(c.logger(s))
	switch {
	case len(c.KafkaBrokers) > 0:
		return usageError{errors.New("brokers of your own compact by themselves; leave LEDGERBOARD_KAFKA_BROKERS away to compact the log in a data directory")}
	case !dir.HasBroker():
		return usageError{fmt.Errorf("there is no log in %q: name the data directory with --data-dir", c.DataDir)}
	}
	if err := c.closeBatches(ctx, s); err != nil {
		return explainInUse(err)
	}
	report, err := dir.CompactBroker(ctx)
	if err != nil {
		return explainInUse(err)
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(compactReport{report})
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "topic\trecords before\tafter\tbytes before\tafter")
	for _, t := range report {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", t.Topic, t.RecordsBefore, t.RecordsAfter, t.BytesBefore, t.BytesAfter)
	}
	return table.Flush()
}

// closeBatches appends a heartbeat to each partition: the last batch of one is never compacted, nor what it covers.
func (c compactCommand) closeBatches(ctx context.Context, s streams) (err error) {
	parts := assembly.NewParts(c.backends(c.logger(s)))
	defer func() { err = errors.Join(err, parts.Close()) }()
	log, err := parts.Log(ctx)
	if err != nil {
		return err
	}
	return log.Beat(ctx, time.Now(), math.MinInt64)
}
