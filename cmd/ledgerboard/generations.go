package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// generationsCommand shows the sets of tables, drops one that nobody uses, and makes those of this version before an upgrade.
type generationsCommand struct {
	List    generationsListCommand    `cmd:"" default:"withargs" help:"List the sets of tables, or drop one."`
	Prepare generationsPrepareCommand `cmd:"" help:"Make the tables of this version beside those that serve; readers stay where they are."`
}

type generationsListCommand struct {
	storage
	logging
	actionFlags
	Drop string `placeholder:"NAME.gN" help:"Drop the tables of this generation, which nobody may use: post_insights.g2."`
	JSON bool   `name:"json" help:"Print a JSON list."`
}

func (c generationsListCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Drop != "" {
		return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error { return c.drop(ctx, s, desk) })
	}
	return look(ctx, c.storage, c.logger(s), func(desk *desk.Looks) error {
		generations, err := desk.Generations(ctx)
		if err != nil {
			return err
		}
		rebuilds, err := desk.Rebuilds(ctx)
		if err != nil {
			return err
		}
		return printList(s.Out, c.JSON, generations, "GENERATION\tVERSION\tSTATE\tREADERS\tSIZE\tFOLDED BY\tREAD BY", func(g operator.Generation) string {
			readers := ""
			if g.Pointer {
				readers = "use it"
			}
			return fmt.Sprintf("%s.g%d\t%d\t%s\t%s\t%.1f MiB\t%s\t%s", g.Projection, g.Generation, g.Version, stateInWords(g, rebuilds), readers,
				float64(g.Bytes)/(1<<20), strings.Join(g.FoldedBy, ", "), strings.Join(g.ReadBy, ", "))
		})
	})
}

func (c generationsListCommand) drop(ctx context.Context, s streams, desk *desk.Desk) error {
	name, text, found := strings.Cut(c.Drop, ".g")
	var number int
	if _, err := fmt.Sscanf(text, "%d", &number); err != nil || !found {
		return usageError{fmt.Errorf("--drop %q names no generation: write it as the list shows it, like post_insights.g2", c.Drop)}
	}
	reason, err := c.confirm(s, "drop the tables of "+c.Drop)
	if err != nil {
		return err
	}
	if err := desk.DropGeneration(ctx, operatorCaller(), name, number, reason); err != nil {
		return refused(err)
	}
	fmt.Fprintf(s.Out, "the tables of %s are dropped\n", c.Drop)
	return nil
}

// stateInWords is the state of a generation; of one that a rebuild makes, how far that is.
func stateInWords(g operator.Generation, rebuilds []operator.Rebuild) string {
	for _, r := range rebuilds {
		if r.Projection == g.Projection && r.Generation == g.Generation && !r.Ended() && !r.Back {
			return strings.ReplaceAll(string(r.State), "_", " ")
		}
	}
	return string(g.State)
}
