package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operations"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type actionsCommand struct {
	installation
	Limit int  `default:"50" help:"Maximum number of actions, newest first."`
	JSON  bool `help:"Print a JSON array."`
}

func (c actionsCommand) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit is %d; use 1 or more", c.Limit)}
	}
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		actions, meta, err := ops.Actions(ctx, c.Limit, "")
		if err != nil {
			return err
		}
		if meta.Incomplete != "" {
			fmt.Fprintln(s.Err, meta.Incomplete+".")
		}
		if len(actions) == 0 && !c.JSON {
			fmt.Fprintln(s.Out, "there are no operator actions yet")
			return nil
		}
		const head = "TIME (UTC)\tACTOR\tACTION\tTARGET\tREASON\tOUTCOME\tDETAIL"
		return printList(s.Out, c.JSON, actions, head, func(a operator.Action) string {
			target := a.On(domain.Platform.String, func(id int64) string { return strconv.FormatInt(id, 10) })
			outcome := strings.TrimSuffix(string(a.Outcome)+", "+a.Came(), ", ")
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", a.Time.Format(time.DateTime), plain(a.Actor), a.Action,
				plain(target), plain(a.Because()), outcome, plain(string(a.Code)))
		})
	})
}
