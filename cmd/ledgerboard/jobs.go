package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// jobsCommand shows the jobs of the fetchers, and acts on one.
type jobsCommand struct {
	storage
	logging
	actionFlags
	Retry    int64  `xor:"what" placeholder:"ID" help:"Let this job run now."`
	Cancel   int64  `xor:"what" placeholder:"ID" help:"Cancel this job."`
	Begin    string `name:"run" xor:"what" placeholder:"KIND" help:"Make all connections of --platform due now and have them read, as far as the quota has room: account_insights, post_insights or token_refresh."`
	Platform string `placeholder:"NAME" help:"The platform of --run: facebook, instagram, linkedin or tiktok."`
	JSON     bool   `name:"json" help:"Print a JSON list."`
}

func (c jobsCommand) Run(ctx context.Context, s streams) error {
	if (c.Begin == "") != (c.Platform == "") {
		return usageError{errors.New("--run names what to read, --platform where: give both, or none")}
	}
	if c.Retry > 0 || c.Cancel > 0 || c.Begin != "" {
		return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error { return c.act(ctx, s, desk) })
	}
	return look(ctx, c.storage, c.logger(s), func(desk *desk.Looks) error {
		jobs, err := desk.Jobs(ctx)
		if err != nil {
			return err
		}
		return printList(s.Out, c.JSON, jobs, "ID\tSTATE\tKIND\tQUEUE\tATTEMPT\tDUE\tERROR", func(j operator.Job) string {
			return fmt.Sprintf("%d\t%s\t%s\t%s\t%d\t%s\t%.80s", j.ID, j.State, j.Kind, j.Queue, j.Attempt, j.ScheduledAt.UTC().Format(time.RFC3339), j.Error)
		})
	})
}

// act confirms, does and says what is so now.
func (c jobsCommand) act(ctx context.Context, s streams, desk *desk.Desk) error {
	what, now, do := fmt.Sprintf("let job %d run now", c.Retry), fmt.Sprintf("job %d is due now", c.Retry),
		func(reason domain.Reason) error { return desk.RetryJob(ctx, operatorCaller(), c.Retry, reason) }
	switch {
	case c.Cancel > 0:
		what, now = fmt.Sprintf("cancel job %d", c.Cancel), fmt.Sprintf("job %d is cancelled", c.Cancel)
		do = func(reason domain.Reason) error { return desk.CancelJob(ctx, operatorCaller(), c.Cancel, reason) }
	case c.Begin != "":
		round := c.Begin + " on " + c.Platform
		what, now = "make "+round+" due now, which reads all connections as far as the quota has room", round+" is due now; 'ledgerboard jobs' shows what is read"
		do = func(reason domain.Reason) error {
			return desk.RunJob(ctx, operatorCaller(), c.Begin, c.Platform, reason)
		}
	}
	reason, err := c.confirm(s, what)
	if err != nil {
		return err
	}
	if err := do(reason); err != nil {
		return refused(err)
	}
	fmt.Fprintln(s.Out, now)
	return nil
}
