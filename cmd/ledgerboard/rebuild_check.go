package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/projections"
)

// check folds the log without another generation and compares the result with the live tables.
func (c rebuildCommand) check(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, name string) error {
	engines, err := parts.Engines(ctx, name)
	if err != nil {
		return err
	}
	report, err := engines[0].CheckTables(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(report); err != nil {
			return fmt.Errorf("print report: %w", err)
		}
	} else {
		printTables(s.Out, report)
		if err := c.sayDisk(ctx, s, desk, name); err != nil {
			return err
		}
	}
	if c.VerifyOnly && !report.Equal {
		return errTablesDiffer
	}
	return nil
}

// sayDisk says after a dry run what a rebuild takes on disk.
func (c rebuildCommand) sayDisk(ctx context.Context, s streams, desk *desk.Desk, name string) error {
	if !c.DryRun {
		return nil
	}
	generations, err := desk.Generations(ctx)
	for _, g := range generations {
		if g.Projection == name && g.Pointer {
			fmt.Fprintf(s.Out, "  a rebuild needs about %d MB of disk beside g%d; this fold and comparison took what stands above\n",
				projections.RebuildDisk(g.Bytes)>>20+1, g.Generation)
		}
	}
	return err
}
