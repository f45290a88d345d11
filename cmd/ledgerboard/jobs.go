package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// jobsCommand shows the jobs of the fetchers, and acts on one.
type jobsCommand struct {
	storage
	logging
	actionFlags
	Retry  int64 `xor:"what" placeholder:"ID" help:"Let this job run now."`
	Cancel int64 `xor:"what" placeholder:"ID" help:"Cancel this job."`
	JSON   bool  `name:"json" help:"Print a JSON list."`
}

// Run implements the subcommand.
func (c jobsCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *assembly.Desk) error {
		switch {
		case c.Retry > 0:
			return c.act(s, fmt.Sprintf("run job %d now", c.Retry), func(reason domain.Reason) error { return desk.RetryJob(ctx, operatorCaller(), c.Retry, reason) })
		case c.Cancel > 0:
			return c.act(s, fmt.Sprintf("cancel job %d", c.Cancel), func(reason domain.Reason) error { return desk.CancelJob(ctx, operatorCaller(), c.Cancel, reason) })
		}
		jobs, err := desk.Jobs(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.Out).Encode(append([]operator.Job{}, jobs...))
		}
		table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tSTATE\tKIND\tQUEUE\tATTEMPT\tDUE\tERROR")
		for _, j := range jobs {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%d\t%s\t%.80s\n", j.ID, j.State, j.Kind, j.Queue, j.Attempt, j.ScheduledAt.UTC().Format(time.RFC3339), j.Error)
		}
		return table.Flush()
	})
}

// act confirms and does.
func (f actionFlags) act(s streams, what string, do func(domain.Reason) error) error {
	reason, err := f.confirm(s, what)
	if err != nil {
		return err
	}
	return refused(do(reason))
}
