package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
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
	return printList(s.Out, false, report, "topic\trecords before\tafter\tbytes before\tafter", func(t embedded.Compacted) string {
		return fmt.Sprintf("%s\t%d\t%d\t%d\t%d", t.Topic, t.RecordsBefore, t.RecordsAfter, t.BytesBefore, t.BytesAfter)
	})
}

// compactWait bounds the wait for the tables to show what the log says. errBehind: they do not.
const compactWait = time.Minute

var errBehind = errors.New("nothing was compacted")

// prepare lets the tables that are made of compacted topics catch up, where there is a database, and appends a heartbeat to each partition:
// the last batch of one is never compacted, nor what it covers.
func (c compactCommand) prepare(ctx context.Context, s streams) (err error) {
	logger := c.logger(s)
	parts := assembly.NewParts(c.backends(logger))
	defer func() { err = errors.Join(err, parts.Close()) }()
	log, err := parts.Log(ctx)
	if err != nil {
		return err
	}
	if c.needTables("") == nil {
		if err := catchUp(ctx, logger, parts, compactWait); err != nil {
			return err
		}
	}
	return log.Beat(ctx, time.Now(), math.MinInt64)
}

// catchUp folds what the log holds of compacted topics, and refuses when that does not come to an end: a compaction takes every state of a
// key but the last, also those that a table has not seen.
func catchUp(ctx context.Context, logger *slog.Logger, parts *assembly.Parts, within time.Duration) error {
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	engines, err := parts.Engines(ctx, projectors.Directory{}.Name(), projectors.Contents{}.Name())
	if err != nil {
		return err
	}
	return foldWhile(ctx, engines, func(ctx context.Context) error {
		left, err := await(ctx, logger, within, behind(engines))
		if err == nil && left != "" {
			err = fmt.Errorf("%w: %s, and would never see the states that compaction takes. Start the service, wait until 'ledgerboard status' "+
				"shows no lag (resume what is paused, rebuild what is stopped), stop it and repeat the command", errBehind, left)
		}
		return err
	})
}
