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
	"github.com/ledgerboard/ledgerboard/projections"
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
	if err := c.prepare(ctx, s); err != nil {
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

// compactWait bounds the wait for the tables to show what the log says. errBehind: they do not.
const compactWait = time.Minute

var errBehind = errors.New("nothing was compacted")

// prepare lets the tables that are made of compacted topics catch up, where there is a database, and appends a heartbeat to each partition:
// the last batch of one is never compacted, nor what it covers.
func (c compactCommand) prepare(ctx context.Context, s streams) (err error) {
	parts := assembly.NewParts(c.backends(c.logger(s)))
	defer func() { err = errors.Join(err, parts.Close()) }()
	log, err := parts.Log(ctx)
	if err != nil {
		return err
	}
	if c.needTables("") == nil {
		if err := catchUp(ctx, parts, compactWait); err != nil {
			return err
		}
	}
	return log.Beat(ctx, time.Now(), math.MinInt64)
}

// catchUp folds what the log holds of compacted topics, and refuses when that does not come to an end: a compaction takes every state of a
// key but the last, also those that a table has not seen. Nobody else folds, for the broker is this process's own.
func catchUp(ctx context.Context, parts *assembly.Parts, within time.Duration) (err error) {
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	engines, err := parts.Engines(ctx, projections.Directory{}.Name(), projections.Contents{}.Name())
	if err != nil {
		return err
	}
	folding, stop := context.WithCancel(ctx)
	ended := make(chan error, len(engines))
	for _, engine := range engines {
		go func() { ended <- engine.Run(folding) }()
	}
	defer func() {
		stop()
		for range engines {
			err = errors.Join(err, <-ended)
		}
	}()
	for end := time.Now().Add(within); ; {
		reason, err := notCaughtUp(ctx, engines)
		if err != nil || reason == "" {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w: %s. Start the service, wait until 'ledgerboard status' shows no lag "+
				"(resume what is paused, rebuild what is stopped), stop it and repeat the command", errBehind, reason)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(eraseLookEvery):
		}
	}
}

// notCaughtUp says which tables do not show yet what the log says; "": all do.
func notCaughtUp(ctx context.Context, engines []*projections.Engine) (string, error) {
	for _, engine := range engines {
		status, err := engine.Status(ctx)
		if err != nil {
			return "", err
		}
		if !status.Live() || status.Lag > 0 {
			return fmt.Sprintf("the tables of %s are %d events behind the log, and would never see the states that compaction takes",
				status.GenerationName(), status.Lag), nil
		}
	}
	return "", nil
}
