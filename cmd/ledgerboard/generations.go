package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// generationsCommand shows the sets of tables, and drops one that nobody uses.
type generationsCommand struct {
	storage
	logging
	actionFlags
	Drop string `placeholder:"NAME.gN" help:"Drop the tables of this generation, which nobody may use: post_insights.g2."`
	JSON bool   `name:"json" help:"Print a JSON list."`
}

// Run implements the subcommand.
func (c generationsCommand) Run(ctx context.Context, s streams) (err error) {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *assembly.Desk) error {
		if c.Drop != "" {
			return c.drop(ctx, s, desk)
		}
		generations, err := desk.Generations(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.Out).Encode(append([]operator.Generation{}, generations...))
		}
		table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "GENERATION\tVERSION\tSTATE\tREADERS\tSIZE\tFOLDED BY\tREAD BY")
		for _, g := range generations {
			readers := ""
			if g.Pointer {
				readers = "use it"
			}
			fmt.Fprintf(table, "%s.g%d\t%d\t%s\t%s\t%.1f MiB\t%s\t%s\n", g.Projection, g.Generation, g.Version, g.State, readers,
				float64(g.Bytes)/(1<<20), strings.Join(g.FoldedBy, ", "), strings.Join(g.ReadBy, ", "))
		}
		return table.Flush()
	})
}

func (c generationsCommand) drop(ctx context.Context, s streams, desk *assembly.Desk) error {
	name, text, found := strings.Cut(c.Drop, ".g")
	var number int
	if _, err := fmt.Sscanf(text, "%d", &number); err != nil || !found {
		return usageError{fmt.Errorf("--drop %q names no generation: write it as the list shows it, like post_insights.g2", c.Drop)}
	}
	reason, err := c.confirm(s, "drop the tables of "+c.Drop)
	if err != nil {
		return err
	}
	return refused(desk.DropGeneration(ctx, operatorCaller(), name, number, reason))
}

// atDesk opens what operators need, and gives it back.
func atDesk(ctx context.Context, at storage, logger *slog.Logger, do func(*assembly.Desk) error) (err error) {
	if err := errors.Join(at.needLog(), at.needTables("")); err != nil {
		return err
	}
	parts := assembly.NewParts(at.backends(logger))
	defer func() { err = errors.Join(err, parts.Close()) }()
	desk, err := parts.Desk(ctx)
	if err != nil {
		return explainInUse(err)
	}
	return do(desk)
}
