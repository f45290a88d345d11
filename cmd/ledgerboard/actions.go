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

func (a actionsCommand) Run(ctx context.Context, std streams) error {
	if a.Limit < 1 {
		return usageError{fmt.Errorf("--limit is %d; use 1 or more", a.Limit)}
	}
	at, err := a.client(ctx)
	if err != nil {
		return err
	}
	actions, incomplete, err := list[operator.RecordedAction](ctx, at, "/api/ops/actions", url.Values{}, a.Limit)
	if err != nil {
		return err
	}
	if incomplete != "" {
		fmt.Fprintln(std.Err, plain(incomplete)+".")
	}
	if len(actions) == 0 && !a.JSON {
		fmt.Fprintln(std.Out, "there are no operator actions yet")
		return nil
	}
	const head = "TIME (UTC)\tACTOR\tACTION\tTARGET\tREASON\tOUTCOME\tDETAIL"
	return printList(std.Out, a.JSON, actions, head, func(action operator.RecordedAction) string {
		target := action.On(domain.Platform.String, func(id int64) string { return strconv.FormatInt(id, 10) })
		outcome := strings.TrimSuffix(string(action.Outcome)+", "+action.Came(), ", ")
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", action.Time.Format(time.DateTime), plain(who(action)), action.Action,
			plain(target), plain(action.Because()), outcome, plain(string(action.Code)))
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
