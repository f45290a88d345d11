package main

import (
	"cmp"
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
	storage
	logging
	Limit int  `default:"50" help:"Maximum number of actions, newest first."`
	JSON  bool `name:"json" help:"Print a JSON array."`
}

func (c actionsCommand) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit is %d; use 1 or more", c.Limit)}
	}
	return withOperations(ctx, c.storage, c.logger(s), func(ops *operations.Service) error {
		actions, _, err := ops.Actions(ctx, c.Limit, "")
		if err != nil {
			return err
		}
		if len(actions) == 0 && !c.JSON {
			fmt.Fprintln(s.Out, "there are no operator actions yet")
			return nil
		}
		return printList(s.Out, c.JSON, actions, "TIME (UTC)\tACTOR\tACTION\tTARGET\tREASON\tOUTCOME\tDETAIL", func(a operator.Action) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", a.Time.Format(time.DateTime), plain(a.Actor), a.Action,
				plain(a.On(domain.Platform.String, func(id int64) string { return strconv.FormatInt(id, 10) })), plain(a.Because()),
				strings.TrimSuffix(string(a.Outcome)+", "+a.Came(), ", "), plain(cmp.Or(a.Why, string(a.Code))))
		})
	})
}
