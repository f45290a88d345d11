package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type actionsCommand struct {
	service
	Limit int  `default:"50" help:"Maximum number of actions, newest first."`
	JSON  bool `help:"Print a JSON array."`
}

func (c actionsCommand) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit is %d; use 1 or more", c.Limit)}
	}
	at, err := c.client(ctx)
	if err != nil {
		return err
	}
	actions, incomplete, err := list[operator.RecordedAction](ctx, at, "/api/ops/actions", url.Values{}, c.Limit)
	if err != nil {
		return err
	}
	if incomplete != "" {
		fmt.Fprintln(s.Err, plain(incomplete)+".")
	}
	if len(actions) == 0 && !c.JSON {
		fmt.Fprintln(s.Out, "there are no operator actions yet")
		return nil
	}
	const head = "TIME (UTC)\tACTOR\tACTION\tTARGET\tREASON\tOUTCOME\tDETAIL"
	return printList(s.Out, c.JSON, actions, head, func(a operator.RecordedAction) string {
		target := a.On(domain.Platform.String, func(id int64) string { return strconv.FormatInt(id, 10) })
		outcome := strings.TrimSuffix(string(a.Outcome)+", "+a.Came(), ", ")
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", a.Time.Format(time.DateTime), plain(who(a)), a.Action,
			plain(target), plain(a.Because()), outcome, plain(string(a.Code)))
	})
}

// who returns the operator of an action; a name that was only claimed is in quotation marks.
func who(a operator.RecordedAction) string {
	words := []string{a.Actor}
	if a.ClaimedName != "" {
		words = append(words, strconv.Quote(a.ClaimedName))
	}
	if a.Via != "" {
		words = append(words, a.Via)
	}
	return strings.Join(words, " ")
}
